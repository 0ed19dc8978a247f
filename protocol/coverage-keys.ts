/**
 * Which of an agent's keys speaks for which batches of a certificate, and which of them count. The agent's own word on the last
 * batch of a key that goes decides, and of a key that was revoked the place in the log, as in receipts (key-history.ts); never
 * a clock.
 */
import { encodeHex, equalBytes } from './bytes.ts';
import { Fault } from './fault.ts';
import type { NewestBatch, ReadKeyEvent } from './key-event.ts';
import { thumbprint } from './keys.ts';

/** A key event and its place in the log; absent when the log does not have it. */
export interface PlacedKeyEvent {
  readonly event: ReadKeyEvent;
  readonly logIndex?: number;
}

/** One key of an agent. */
export interface AgentKey {
  readonly publicKey: Uint8Array;
  readonly thumbprint: Uint8Array;
  /** The last batch that it signs, where it was replaced. */
  readonly last?: { readonly sequence: number; readonly id: Uint8Array };
  /** Index in the log of its revocation: what stands behind it does not count. Infinite when the log does not have it. */
  readonly revokedAt?: number;
  /** Ids, in hex, of batches that count all the same. */
  readonly admitted: ReadonlySet<string>;
}

/**
 * From the enrolled key along the rotations, in order; then what else befell these keys. Throws `bad-chain` when rotations
 * do not lead on from key to key, or an event is of none of these keys.
 */
export function followKeys(enrolledKey: Uint8Array, events: readonly PlacedKeyEvent[]): readonly AgentKey[] {
  const keys: AgentKey[] = [asKey(enrolledKey)];
  for (const { event, logIndex = Number.POSITIVE_INFINITY } of events) {
    const i = keys.findIndex((key) => equalBytes(key.thumbprint, event.agent));
    const key = keys[i];
    if (!key) throw new Fault('bad-chain', 'an event of another key');
    if (event.type === 'revocation') {
      keys[i] = { ...key, revokedAt: Math.min(logIndex, key.revokedAt ?? Number.POSITIVE_INFINITY) };
    } else if (event.type === 'admission') {
      keys[i] = { ...key, admitted: new Set([...key.admitted, encodeHex(event.batch)]) };
    } else {
      const { newKey, lastSequence: sequence, lastBatch: id } = event.rotation;
      if (key.last) throw new Fault('bad-chain', 'a second rotation of a key');
      if (sequence < (keys[i - 1]?.last?.sequence ?? 0)) throw new Fault('bad-chain', 'a rotation that goes back');
      keys[i] = { ...key, last: { sequence, id } };
      keys.push(asKey(newKey));
    }
  }
  return keys;
}

/**
 * The batches that revocations of an agent's keys name, the highest last: up to there all counts, so all is to be shown.
 * Empty where there is none, or it is of an earlier version.
 */
export function namedNewest(events: readonly PlacedKeyEvent[]): readonly NewestBatch[] {
  return events
    .flatMap(({ event }) => (event.type === 'revocation' && event.newest ? [event.newest] : []))
    .toSorted((a, b) => a.sequence - b.sequence);
}

function asKey(publicKey: Uint8Array): AgentKey {
  return { publicKey, thumbprint: thumbprint(publicKey), admitted: new Set() };
}

/** The key that signs the batch with this sequence. */
export function keyOf(keys: readonly AgentKey[], sequence: number): AgentKey {
  return keys.find(({ last }) => last === undefined || sequence <= last.sequence)!;
}

/**
 * `counts`: its key was not revoked before it came into the log, or people let it in. `aside`: it was put aside after the
 * revocation, behind all that counts by its own place and all that the revocation names. `out-of-place`: neither.
 */
export type Standing = 'counts' | 'aside' | 'out-of-place';

export interface PlacedBatch {
  readonly sequence: number;
  readonly id: Uint8Array;
  readonly key: AgentKey;
  readonly logIndex?: number;
}

/** Stands before the revocation of its key, if there is one. */
export function isBeforeRevocation({ key, logIndex }: Pick<PlacedBatch, 'key' | 'logIndex'>): boolean {
  return key.revokedAt === undefined || (logIndex !== undefined && logIndex < key.revokedAt);
}

/** `lastSequence`: of the last of the agent's batches that {@link isBeforeRevocation}, or that a revocation names. */
export function standingOf(batch: PlacedBatch, lastSequence: number): Standing {
  if (isBeforeRevocation(batch) || batch.key.admitted.has(encodeHex(batch.id))) return 'counts';
  return batch.sequence > lastSequence ? 'aside' : 'out-of-place';
}
