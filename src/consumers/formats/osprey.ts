/**
 * Actions of Osprey as its input topic has them: `{"send_time","data":{"action_id","action_name","data":{...}}}`. Pure; never
 * throws. https://github.com/roostorg/osprey
 *
 * What an action holds is up to whoever sends it. Read are: events of any format that Chorus reads (Jetstream's among them,
 * passed on unchanged); records of Bluesky as `{"did","operation":{"action","path","record"}}`; and posts as
 * `{"user_id","post":{"text"}}`, whose id is that of the action. Event time is that of the event inside where it has one,
 * else `send_time`.
 */
import { isJsonObject, type JsonObject } from './checks.ts';
import { decodeInside, exactRecord, type EventDecoder } from './envelope.ts';
import {
  asObject,
  decodeRecord,
  ignored,
  missing,
  optionalId,
  type Outcome,
  postOf,
  type RecordContext,
  requiredObject,
  requiredString,
  requiredTime,
} from './json-record.ts';
import { parseTimeMs } from './time.ts';

const PLATFORM = 'osprey';
const TIME_FORM = 'an ISO 8601 date-time with Z or an offset, from 1970 to 9999';
const MICROS_PER_MS = 1000;

export function ospreyDecoder(decodeEvent: EventDecoder): (record: string) => Outcome {
  return (record) =>
    decodeRecord(exactRecord(record), (value, context) => {
      const envelope = asObject(value, 'the record');
      const action = requiredObject(envelope, 'data');
      requiredString(action, 'action_name');
      return decodeAction(envelope, action, context, decodeEvent);
    });
}

function decodeAction(
  envelope: JsonObject,
  action: JsonObject,
  context: RecordContext,
  decodeEvent: EventDecoder,
): Outcome {
  const { data } = action;
  if (!isJsonObject(data)) return ignored('other_event');
  const sentMs = (): number => requiredTime(envelope, 'send_time', parseTimeMs, TIME_FORM);
  if (isJsonObject(data['operation']))
    return decodeEvent(commitOf(data, data['operation'], sentMs())) ?? ignored('other_event');
  const post = data['post'];
  if (data['user_id'] === undefined || !isJsonObject(post))
    return decodeInside(data, envelope['send_time'], decodeEvent);
  return postOf(
    {
      platform: PLATFORM,
      id: optionalId(post, 'id') ?? optionalId(action, 'action_id') ?? missing('action_id'),
      account: optionalId(data, 'user_id') ?? missing('user_id'),
      text: requiredString(post, 'text'),
      createdAt: sentMs(),
    },
    context,
  );
}

/** As Jetstream would tell it. */
function commitOf(data: JsonObject, operation: JsonObject, timeMs: number): JsonObject {
  const path = requiredString(operation, 'path');
  return {
    did: data['did'],
    time_us: timeMs * MICROS_PER_MS,
    kind: 'commit',
    commit: {
      operation: operation['action'],
      collection: operation['collection'],
      rkey: path.slice(path.lastIndexOf('/') + 1),
      record: operation['record'],
    },
  };
}
