/** What tells the format of a record of JSON: fields that no other format has. Pure. */
import { isJsonObject, type JsonObject } from './checks.ts';
import { isFlatBluesky } from './cloudevents.ts';
import type { RecordFormat } from './format.ts';

/** In this order: an envelope has its own fields before those of what is inside. */
const TELLING: readonly (readonly [RecordFormat, (record: JsonObject) => boolean])[] = [
  ['cloudevents', (r) => has(r, 'specversion', 'type') || isFlatBluesky(r)],
  ['osprey', (r) => isJsonObject(r['data']) && has(r['data'], 'action_name')],
  ['jetstream', isJetstream],
  ['telegram', (r) => isJsonObject(r['chat']) && isJsonObject(r['message'])],
  ['nostr', (r) => has(r, 'pubkey', 'kind', 'tags')],
  ['reddit', isReddit],
  ['mastodon', isMastodon],
  ['x-v1', isXV1],
  ['x-v2', isXV2],
  ['canonical', isCanonical],
];

/** The format that a record tells of; undefined where it tells of none. */
export function tellingFormat(record: unknown): RecordFormat | undefined {
  if (Array.isArray(record)) return tellingOfArray(record);
  if (!isJsonObject(record)) return undefined;
  return TELLING.find(([, isOne]) => isOne(record))?.[0];
}

function tellingOfArray(record: readonly unknown[]): RecordFormat | undefined {
  const [first] = record;
  return typeof first === 'string' && /^[A-Z]+$/.test(first) ? 'nostr' : tellingFormat(first);
}

function has(record: JsonObject, ...names: readonly string[]): boolean {
  return names.every((name) => record[name] !== undefined);
}

function isJetstream(record: JsonObject): boolean {
  const payload = record['$type'] === 'message' ? record['payload'] : record;
  const type = isJsonObject(payload) ? payload['$type'] : undefined;
  if (typeof type === 'string' && type.startsWith('network.bsky.jetstream.')) return true;
  return has(record, 'did', 'time_us', 'kind');
}

function isReddit(record: JsonObject): boolean {
  const fields = isJsonObject(record['data']) && typeof record['kind'] === 'string' ? record['data'] : record;
  return has(fields, 'created_utc') || (record['kind'] === 'Listing' && has(fields, 'children'));
}

function isMastodon(record: JsonObject): boolean {
  const isStatus = isJsonObject(record['account']) && has(record, 'content', 'visibility');
  return isStatus || (typeof record['event'] === 'string' && has(record, 'payload'));
}

function isXV1(record: JsonObject): boolean {
  if (isJsonObject(record['user']) && has(record, 'id_str', 'created_at')) return true;
  const { delete: deletion, limit, statuses } = record;
  if (isJsonObject(deletion) && has(deletion, 'status')) return true;
  if (isJsonObject(limit) && has(limit, 'track')) return true;
  return Array.isArray(statuses) && isJsonObject(statuses[0]) && isXV1(statuses[0]);
}

function isXV2(record: JsonObject): boolean {
  if (has(record, 'author_id', 'text')) return true;
  if (has(record, 'edit_history_tweet_ids') || has(record, 'matching_rules')) return true;
  if (has(record, 'action', 'id') && has(record, 'reason')) return true;
  const { data } = record;
  const first: unknown = Array.isArray(data) ? data[0] : data;
  return isJsonObject(first) && has(first, 'id', 'text');
}

function isCanonical(record: JsonObject): boolean {
  const known = ['id', 'platform', 'account', 'text', 'createdAt'].filter((name) => record[name] !== undefined);
  return known.length >= 3 || (record['deleted'] === true && known.length >= 2);
}
