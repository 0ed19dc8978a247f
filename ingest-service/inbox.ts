/**
 * What the intake holds in the inbox journal until the pipeline has filed it: header, all leaf hashes, and the bodies of
 * those leaves only that consent allowed at the gate. Sealed, because the journal is a file like any other.
 */
import { hkdfSync } from 'node:crypto';
import type { NewEntry } from '../journal/journal.ts';
import { MAX_BATCH_ITEMS } from '../protocol/batch.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../protocol/cbor.ts';
import { isFault } from '../protocol/fault.ts';
import type { Instant } from '../protocol/time.ts';
import { openBytes, sealBytes } from './record/sealing.ts';

/** Permitted leaves of one segment. */
export interface HeldSegment {
  /** The segment's salt key where all its leaves are held; else every leaf brings its own salt. */
  readonly saltKey?: Uint8Array;
  readonly leaves: readonly { readonly index: number; readonly salt: Uint8Array; readonly body: Uint8Array }[];
}

export interface HeldBatch {
  /** COSE_Sign1, verified. */
  readonly signedHeader: Uint8Array;
  readonly receivedAt: Instant;
  /** 32 octets for each leaf. */
  readonly leafHashes: Uint8Array;
  /** Leaves that the gate did not let through. */
  readonly withheld: number;
  /** How many of them were readings, of patients who are in the record. */
  readonly withheldReadings: readonly WithheldReadings[];
  readonly segments: readonly HeldSegment[];
}

/** Readings of one subject that consent did not allow to keep, counted where that was decided. */
export interface WithheldReadings {
  /** 32 octets. */
  readonly subject: Uint8Array;
  readonly count: number;
}

/** One key for each entry: no nonce is ever used twice, and no entry can stand in for another. `id`: the batch id. */
function entryKey(inboxKey: Uint8Array, id: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', inboxKey, '', `veravita/v1/inbox ${id}`, 32));
}

/** An entry that holds nothing: what is before it can be trimmed, and what comes after it is newer. */
export function markInbox(id: string): NewEntry {
  return { key: 'mark', id, body: new Uint8Array(0) };
}

export function isInboxMark({ body }: NewEntry): boolean {
  return body.length === 0;
}

export function sealHeldBatch(inboxKey: Uint8Array, id: string, batch: HeldBatch): Uint8Array {
  const segments = batch.segments.map(
    ({ saltKey, leaves }): CborValue => [
      saltKey ?? null,
      leaves.map(({ index, salt, body }): CborValue => [index, salt, body]),
    ],
  );
  const { signedHeader, receivedAt, leafHashes, withheld, withheldReadings } = batch;
  const counts = withheldReadings.map(({ subject, count }): CborValue => [subject, count]);
  const content = encodeCbor([signedHeader, receivedAt, leafHashes, withheld, segments, counts]);
  return sealBytes(entryKey(inboxKey, id), 'inbox', content);
}

/** {@link openHeldBatch}, or `undefined` where the bytes were altered. */
export function tryOpenHeldBatch(inboxKey: Uint8Array, id: string, sealed: Uint8Array): HeldBatch | undefined {
  try {
    return openHeldBatch(inboxKey, id, sealed);
  } catch (error) {
    if (isFault(error)) return undefined;
    throw error;
  }
}

/** Throws `inconsistent` when the bytes were altered, or are those of another entry. */
export function openHeldBatch(inboxKey: Uint8Array, id: string, sealed: Uint8Array): HeldBatch {
  const content = decodeCbor(openBytes(entryKey(inboxKey, id), 'inbox', sealed), MAX_BATCH_ITEMS);
  // Our own bytes, authenticated by the seal: their shape is known. One from before the gate counted readings has no
  // counts, and what was withheld of it is missing in certificates of coverage: nobody can say for what reason.
  const [signedHeader, receivedAt, leafHashes, withheld, segments, counts = []] = content as readonly [
    Uint8Array,
    number,
    Uint8Array,
    number,
    readonly (readonly [Uint8Array | null, readonly (readonly [number, Uint8Array, Uint8Array])[]])[],
    (readonly (readonly [Uint8Array, number])[])?,
  ];
  return {
    signedHeader,
    receivedAt,
    leafHashes,
    withheld,
    withheldReadings: counts.map(([subject, count]) => ({ subject, count })),
    segments: segments.map(([saltKey, leaves]) => ({
      ...(saltKey && { saltKey }),
      leaves: leaves.map(([index, salt, body]) => ({ index, salt, body })),
    })),
  };
}
