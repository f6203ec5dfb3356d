/**
 * Messages of an export of Telegram Desktop (`result.json`), each with the chat that it is in:
 * `{"chat":{"id","type","name"},"message":{...}}`. Pure; never throws.
 *
 * Event time is `date_unixtime`, or `edited_unixtime` of an edited message; `date` is in the zone of the machine that
 * exported, so exports before 2021, which have nothing else, cannot be read exactly and are rejected. Ids count within a
 * chat: the id of a post is `<chat>/<message>`. The account is `from_id`, a person or, in a channel, the channel. A forwarded
 * message is a native repost. Chats that not everybody can open are private: their messages are ignored.
 */
import { isJsonObject, type JsonObject, parseJson } from './checks.ts';
import {
  asObject,
  decodeRecord,
  ignored,
  missing,
  optionalId,
  optionalString,
  optionalTime,
  type Outcome,
  postOf,
  type RecordContext,
  RecordFault,
  requiredString,
  requiredTime,
} from './json-record.ts';
import { parseSecondsMs } from './times.ts';

const PLATFORM = 'telegram';
const SECONDS = 'seconds from 1970 to 9999';
const PUBLIC_CHATS: ReadonlySet<string> = new Set(['public_channel', 'public_supergroup']);
/** Control characters in a JSON text as the exporter writes them, which JSON does not allow. */
const HEX_ESCAPE = /\\(?:x([0-9A-F]{2})|.)/gs;

/** Paths of the messages in the document, and what is told around them. */
export const TELEGRAM_DOCUMENT = {
  containers: [['messages'], ['chats', 'list', '*', 'messages'], ['left_chats', 'list', '*', 'messages']],
  wrapping: { around: 'chat', fields: ['id', 'type', 'name'], element: 'message' },
} as const;

export function decodeTelegram(record: string): Outcome {
  const text = record.includes('\\x') && parseJson(record) === undefined ? mended(record) : record;
  return decodeRecord(text, (value, context) => {
    const { chat, message } = asObject(value, 'the record');
    if (chat === undefined && isJsonObject(value) && value['date'] !== undefined) return missing('chat');
    return decodeMessage(asObject(chat, 'chat'), asObject(message, 'message'), context);
  });
}

function mended(record: string): string {
  return record.replaceAll(HEX_ESCAPE, (escape, hex?: string) => (hex === undefined ? escape : `\\u00${hex}`));
}

function decodeMessage(chat: JsonObject, message: JsonObject, context: RecordContext): Outcome {
  if (message['type'] !== 'message') return ignored('other_event');
  if (!PUBLIC_CHATS.has(requiredString(chat, 'type'))) return ignored('not_public');
  const { text, urls } = readText(message);
  if (text.trim() === '') return ignored('no_text');
  const account = optionalString(message, 'from_id');
  if (account === undefined) return ignored('no_account');
  const chatId = optionalId(chat, 'id') ?? missing('chat.id');
  const id = (name: string): string | undefined => {
    const messageId = optionalId(message, name);
    return messageId === undefined ? undefined : `${chatId}/${messageId}`;
  };
  const sentMs = requiredTime(message, 'date_unixtime', parseSecondsMs, SECONDS);
  const editedMs = optionalTime(message, 'edited_unixtime', parseSecondsMs, SECONDS);
  return postOf(
    {
      platform: PLATFORM,
      id: id('id') ?? missing('id'),
      account,
      text,
      createdAt: editedMs ?? sentMs,
      handle: optionalString(message, 'from'),
      urls,
      // Null where the origin is not told: the field alone says that it is a forward.
      repostOf: message['forwarded_from'] === undefined ? undefined : 'unknown',
      replyTo: message['reply_to_peer_id'] === undefined ? id('reply_to_message_id') : undefined,
      editedAt: editedMs,
    },
    context,
  );
}

/** A text, or its parts: texts, and objects of those that look or lead differently. */
function readText(message: JsonObject): { readonly text: string; readonly urls: readonly string[] } {
  const { text } = message;
  if (text === undefined || text === null) return { text: '', urls: [] };
  const parts: readonly unknown[] = Array.isArray(text) ? text : [text];
  const urls: string[] = [];
  const texts = parts.map((part) => {
    if (typeof part === 'string') return part;
    if (!isJsonObject(part))
      throw new RecordFault('wrong_type', 'text must be a string, or an array of strings and objects');
    const shown = requiredString(part, 'text');
    if (part['type'] === 'text_link') urls.push(optionalString(part, 'href') ?? '');
    else if (part['type'] === 'link') urls.push(shown);
    return shown;
  });
  return { text: texts.join(''), urls: urls.filter((url) => url !== '') };
}
