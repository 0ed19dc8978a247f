/** What stands in the topics. Kafka's own fields are used where they fit, so that its tools show what is there. */
import { decodeUtf8, encodeUtf8 } from '../../protocol/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../protocol/cbor.ts';
import { isFault } from '../../protocol/fault.ts';
import type { NewEntry } from '../journal.ts';

/** A record as it goes out. */
export interface NewRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly headers?: Readonly<Record<string, Uint8Array>>;
}

/** A record as it came in; what another program wrote may lack anything. */
export interface StoredRecord {
  readonly offset: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Ids of entries that are trimmed, in a row; the first record of the topic names the journal instead. */
export interface IdChunk {
  /** Position of the first id. */
  readonly from: number;
  /** Offset of the first entry that is not of this chunk or an older one. */
  readonly nextOffset: number;
  readonly ids: readonly string[];
}

/** How far a follower is, and which running follower says so. */
export interface Cursor {
  readonly name: string;
  readonly next: number;
  readonly owner: string;
}

/** Most ids in one chunk, so that a record stays well below a megabyte. */
export const CHUNK_IDS = 4096;

export function encodeEntry({ key, id, body }: NewEntry): NewRecord {
  return { key: encodeUtf8(key), value: body, headers: { id: encodeUtf8(id) } };
}

/** Undefined for a record that is no entry: every reader ignores it, so it takes no position. */
export function decodeEntry({ key, value, headers }: StoredRecord): NewEntry | undefined {
  const { id } = headers;
  if (key === null || value === null || !(id instanceof Uint8Array)) return undefined;
  return quietly(() => ({ key: decodeUtf8(key), id: decodeUtf8(id), body: new Uint8Array(value) }));
}

export function encodeGenesis(name: string): NewRecord {
  return { key: encodeUtf8('genesis'), value: encodeUtf8(name) };
}

export function decodeGenesis({ key, value }: StoredRecord): string | undefined {
  if (key === null || value === null) return undefined;
  return quietly(() => (decodeUtf8(key) === 'genesis' ? decodeUtf8(value) : undefined));
}

export function encodeChunk({ from, nextOffset, ids }: IdChunk): NewRecord {
  return { key: encodeUtf8('ids'), value: encodeCbor([from, nextOffset, [...ids]]) };
}

export function decodeChunk({ key, value }: StoredRecord): IdChunk | undefined {
  if (key === null || value === null) return undefined;
  return quietly(() => {
    if (decodeUtf8(key) !== 'ids') return undefined;
    const [from, nextOffset, ids] = decodeCbor(new Uint8Array(value), CHUNK_IDS + 8) as readonly CborValue[];
    const isChunk = isCount(from) && isCount(nextOffset) && Array.isArray(ids) && ids.every(isText);
    return isChunk ? { from, nextOffset, ids } : undefined;
  });
}

export function encodeCursor({ name, next, owner }: Cursor): NewRecord {
  return { key: encodeUtf8(name), value: encodeCbor([next, owner]) };
}

export function decodeCursor({ key, value }: StoredRecord): Cursor | undefined {
  if (key === null || value === null) return undefined;
  return quietly(() => {
    const [next, owner] = decodeCbor(new Uint8Array(value), 8) as readonly CborValue[];
    return isCount(next) && isText(owner) ? { name: decodeUtf8(key), next, owner } : undefined;
  });
}

function isCount(value: CborValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** Bytes of others may refuse to decode, and are then not ours. */
function quietly<T>(decode: () => T | undefined): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (isFault(error) || error instanceof TypeError) return undefined;
    throw error;
  }
}
