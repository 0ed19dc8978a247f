/** What an acknowledgement of the service means for the outbox. Pure: the effects are data. */
import type { Acknowledgement } from '../protocol/acknowledgement.ts';
import { equalBytes } from '../protocol/bytes.ts';
import type { FaultCode } from '../protocol/fault.ts';
import type { OutboxChange, OutboxEntry } from './outbox.ts';

/** What is known when an acknowledgement arrives. */
export interface JudgeFacts {
  /** The acknowledgement names our key, or one of ours before it. */
  readonly isOurs: boolean;
  /** Sequence of the newest sealed batch. */
  readonly lastSequence: number;
  /** First sequence that the service does not hold, 0 when it holds all. */
  readonly firstUnheld: number;
  /** Entry of the acknowledged batch; absent when it is not ours, or logged and forgotten. */
  readonly entry?: OutboxEntry;
  /** Id of our batch with the acknowledged sequence, while its header is kept. */
  readonly ours?: Uint8Array;
  /** Rounds of sending again since a batch was last held. */
  readonly attempts: number;
}

export type Judgement =
  | { readonly kind: 'change'; readonly change: OutboxChange }
  /** Send everything that is not held again, in order, after a while. */
  | { readonly kind: 'again' }
  /** Sending cannot go on: people must look. The refused batch, if there is one, stays as evidence. */
  | { readonly kind: 'halt'; readonly code: FaultCode; readonly sequence?: number }
  /** Concerns nothing that is waiting. */
  | { readonly kind: 'ignore' };

/** A stale word about a gap can be overtaken by a *held*; the same word after so many rounds is no accident. */
const PATIENCE = 3;

export function judge(ack: Acknowledgement, facts: JudgeFacts): Judgement {
  if (!facts.isOurs) return { kind: 'ignore' };
  switch (ack.outcome) {
    case 'held':
    case 'duplicate':
      return judgeHeld(ack, facts);
    case 'logged':
      return judgeLogged(ack, facts);
    case 'refused':
      return judgeRefused(ack, facts);
  }
}

function judgeHeld({ withheld }: Acknowledgement, { entry }: JudgeFacts): Judgement {
  if (!entry || entry.held) return { kind: 'ignore' };
  return { kind: 'change', change: { kind: 'held', sequence: entry.sequence, withheld: withheld ?? 0 } };
}

function judgeLogged({ sequence, batch }: Acknowledgement, { lastSequence, ours }: JudgeFacts): Judgement {
  if (sequence === undefined) return { kind: 'ignore' };
  // The log has batches of this key that we never sealed: our state was rolled back, or the key was copied.
  if (sequence > lastSequence) return { kind: 'halt', code: 'forked' };
  if (batch && ours && !equalBytes(batch, ours)) return { kind: 'halt', code: 'forked' };
  return { kind: 'change', change: { kind: 'logged', sequence } };
}

function judgeRefused(ack: Acknowledgement, { entry, lastSequence, firstUnheld, attempts }: JudgeFacts): Judgement {
  // Somebody else's message on our topic, or an old one again: nothing of ours is refused.
  if (!entry || entry.held) return { kind: 'ignore' };
  const { sequence } = entry;
  if (ack.code === 'sequence-gap' && ack.expected !== undefined) {
    if (ack.expected > lastSequence + 1) return { kind: 'halt', code: 'forked', sequence };
    // It waits for a batch that it said it held, whose leaves are deleted here.
    if (ack.expected < firstUnheld && attempts >= PATIENCE) return { kind: 'halt', code: 'missing' };
    return { kind: 'again' };
  }
  // It is kept there until people decide, and here as well; what follows it is kept the same way.
  if (ack.code === 'quarantined') return { kind: 'change', change: { kind: 'waiting', sequence } };
  if (ack.retry === 'never') return { kind: 'halt', code: ack.code ?? 'malformed', sequence };
  return { kind: 'again' };
}
