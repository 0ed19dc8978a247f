/**
 * Which of an agent's keys speaks for which batches of a certificate. The agent's own word on the last batch of a key that
 * goes decides, as in receipts (key-history.ts), and never a clock.
 */
import { equalBytes } from './bytes.ts';
import { Fault } from './fault.ts';
import type { ReadKeyEvent } from './key-event.ts';
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
}

/** From the enrolled key along the rotations, in order. Throws `bad-chain` when they do not lead on from key to key. */
export function followKeys(enrolledKey: Uint8Array, events: readonly PlacedKeyEvent[]): readonly AgentKey[] {
  const keys: AgentKey[] = [{ publicKey: enrolledKey, thumbprint: thumbprint(enrolledKey) }];
  for (const { event } of events) {
    const at = keys.at(-1)!;
    if (event.type !== 'rotation') throw new Fault('bad-chain', 'an event that is not a rotation');
    const { newKey, lastSequence: sequence, lastBatch: id } = event.rotation;
    if (!equalBytes(event.agent, at.thumbprint)) throw new Fault('bad-chain', 'a rotation of another key');
    if (sequence < (keys.at(-2)?.last?.sequence ?? 0)) throw new Fault('bad-chain', 'a rotation that goes back');
    keys[keys.length - 1] = { ...at, last: { sequence, id } };
    keys.push({ publicKey: newKey, thumbprint: thumbprint(newKey) });
  }
  return keys;
}

/** The key that signs the batch with this sequence. */
export function keyOf(keys: readonly AgentKey[], sequence: number): AgentKey {
  return keys.find(({ last }) => last === undefined || sequence <= last.sequence)!;
}
