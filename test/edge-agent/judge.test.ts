import { describe, expect, it } from 'vitest';
import { type JudgeFacts, judge } from '../../edge-agent/judge.ts';
import type { Acknowledgement } from '../../protocol/acknowledgement.ts';

const agent = new Uint8Array(32).fill(1);
const batch = new Uint8Array(32).fill(2);
const facts: JudgeFacts = {
  isOurs: true,
  lastSequence: 7,
  firstUnheld: 5,
  attempts: 0,
  entry: { sequence: 5, held: false },
  ours: batch,
};
const word = (ack: Partial<Acknowledgement>, more: Partial<JudgeFacts> = {}) =>
  judge({ agent, batch, at: 0, sequence: 5, outcome: 'refused', ...ack }, { ...facts, ...more });

describe('judge', () => {
  it('takes held and duplicate for custody', () => {
    const held = { kind: 'change', change: { kind: 'held', sequence: 5, withheld: 3 } };
    expect(word({ outcome: 'held', withheld: 3 })).toEqual(held);
    expect(word({ outcome: 'duplicate', withheld: 3 })).toEqual(held);
    expect(word({ outcome: 'held' }, { entry: { sequence: 5, held: true } })).toEqual({ kind: 'ignore' });
  });

  it('ignores words to others and about unknown batches', () => {
    const { entry: _, ...without } = facts;
    expect(word({ outcome: 'held' }, { isOurs: false })).toEqual({ kind: 'ignore' });
    for (const outcome of ['held', 'duplicate', 'refused'] as const) {
      expect(judge({ agent, batch, at: 0, outcome, code: 'malformed', retry: 'never' }, without)).toEqual({
        kind: 'ignore',
      });
    }
  });

  it('keeps what waits for people, goes on with what follows, and tries again what is frozen', () => {
    const waiting = { kind: 'change', change: { kind: 'waiting', sequence: 5 } };
    expect(word({ code: 'quarantined', retry: 'later' })).toEqual(waiting);
    expect(word({ code: 'frozen', retry: 'later' })).toEqual({ kind: 'again' });
    for (const code of ['revoked', 'rejected', 'forked'] as const) {
      expect(word({ code, retry: 'never' })).toEqual({ kind: 'halt', code, sequence: 5 });
    }
  });

  it('forgets what is logged, unless the log holds another history', () => {
    expect(word({ outcome: 'logged' })).toEqual({ kind: 'change', change: { kind: 'logged', sequence: 5 } });
    expect(word({ outcome: 'logged', sequence: 8 })).toEqual({ kind: 'halt', code: 'forked' });
    expect(word({ outcome: 'logged' }, { ours: agent })).toEqual({ kind: 'halt', code: 'forked' });
  });

  it('sends again what can still be taken, and stops at what cannot', () => {
    expect(word({ code: 'unavailable', retry: 'later' })).toEqual({ kind: 'again' });
    expect(word({ code: 'unavailable', retry: 'unknown' })).toEqual({ kind: 'again' });
    expect(word({ code: 'wrong-root', retry: 'never' })).toEqual({ kind: 'halt', code: 'wrong-root', sequence: 5 });
  });

  it('fills gaps, but not those that the service made', () => {
    const gap = { code: 'sequence-gap', retry: 'later' } as const;
    expect(word({ ...gap, expected: 5 })).toEqual({ kind: 'again' });
    expect(word({ ...gap, expected: 9 })).toEqual({ kind: 'halt', code: 'forked', sequence: 5 });
    // It said that it held 3, and 3 is gone here: at first perhaps an old word, later not.
    expect(word({ ...gap, expected: 3 })).toEqual({ kind: 'again' });
    expect(word({ ...gap, expected: 3 }, { attempts: 3 })).toEqual({ kind: 'halt', code: 'missing' });
  });
});
