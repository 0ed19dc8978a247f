import { describe, expect, it } from 'vitest';
import { type FoldQuestion, foldCoverage, LATE_MS, type ToldBatch } from '../../protocol/coverage-fold.ts';
import { sharesOf } from '../../protocol/coverage-words.ts';
import type { CoverageState } from '../../protocol/leaf.ts';

const SUBJECT = new Uint8Array(32).fill(1);
const [A, B] = [1, 2].map((n) => new Uint8Array(16).fill(n)) as [Uint8Array, Uint8Array];

type Span = readonly [device: Uint8Array, from: number, to: number, state: CoverageState];

function told(sequence: number, spans: readonly Span[], more: Partial<ToldBatch> = {}): ToldBatch {
  const leaves = spans.map(([device, from, to, state]) => {
    return { kind: 'coverage', subject: SUBJECT, device, from, to, state, test: true } as const;
  });
  return { agent: 0, sequence, closedAt: 100, receivedAt: 100, leaves, ...more };
}

/** Intervals of each device, in words. */
function fold(batches: readonly ToldBatch[], more: Partial<FoldQuestion> = {}): string[][] {
  const devices = foldCoverage(batches, { from: 10, to: 20, complete: true, ...more });
  return devices.map(({ intervals }) =>
    intervals.map(({ from, to, state, late, by }) =>
      `${from}-${to} ${state}${late ? ' late' : ''} ${by.join(' ')}`.trim(),
    ),
  );
}

describe('foldCoverage', () => {
  it('joins what batches say, and cuts at the ends', () => {
    const batches = [
      told(1, [[A, 0, 12, 'received']]),
      told(2, [
        [A, 12, 15, 'received'],
        [A, 15, 30, 'silent'],
      ]),
    ];
    expect(fold(batches)).toEqual([['10-15 received 0,1,2', '15-20 silent 0,2,2']]);
  });

  it('lets the agent that heard more count, where two speak of one device', () => {
    const batches = [told(1, [[A, 5, 20, 'out-of-range']]), told(7, [[A, 12, 14, 'received']], { agent: 1 })];
    expect(fold(batches)).toEqual([['10-12 out-of-range 0,1,1', '12-14 received 1,7,7', '14-20 out-of-range 0,1,1']]);
  });

  it('says what came late', () => {
    const batches = [
      told(1, [[A, 10, 14, 'received']], { receivedAt: 100 + LATE_MS + 1 }),
      told(2, [
        [A, 14, 17, 'received'],
        [A, 17, 20, 'no-link'],
      ]),
    ];
    expect(fold(batches)).toEqual([['10-14 received late 0,1,1', '14-17 received 0,2,2', '17-20 no-link 0,2,2']]);
  });

  it('does not know what nobody said, and knows when nobody had to', () => {
    expect(fold([told(1, [[A, 13, 15, 'received']])])).toEqual([
      ['10-13 not-paired', '13-15 received 0,1,1', '15-20 unknown'],
    ]);
    const given = [
      told(1, [
        [A, 5, 15, 'received'],
        [A, 15, 15, 'unpaired'],
      ]),
    ];
    expect(fold(given)).toEqual([['10-15 received 0,1,1', '15-20 not-paired']]);
    expect(fold(given, { complete: false })).toEqual([['10-15 received 0,1,1', '15-20 unknown']]);
    // Another agent goes on speaking for it: its silence is no end.
    const two = [...given, told(3, [[A, 5, 12, 'silent']], { agent: 1 })];
    expect(fold(two)).toEqual([['10-15 received 0,1,1', '15-20 unknown']]);
  });

  it('speaks of a device that was attested just before, and not of one that had been given back', () => {
    expect(
      fold([
        told(1, [
          [A, 0, 10, 'received'],
          [B, 0, 9, 'silent'],
          [B, 9, 9, 'unpaired'],
        ]),
      ]),
    ).toEqual([['10-20 unknown']]);
    expect(fold([], { device: B })).toEqual([['10-20 not-paired']]);
  });

  it('knows a hole in what counts from the time after a revocation', () => {
    const revoked = (from: number) => new Map([[0, { sequence: 2, from }]]);
    const tail: Span = [A, 10, 13, 'received'];
    const again: Span = [A, 15, 17, 'received'];
    const hole = ['10-13 received 0,1,1', '13-15 unknown', '15-17 received 0,2,2', '17-20 revoked'];
    // In the last batch, and between it and the one before; after it nothing counts any more.
    expect(fold([told(2, [tail, again])], { revoked: revoked(18) })).toEqual([
      ['10-13 received 0,2,2', '13-15 unknown', '15-17 received 0,2,2', '17-20 revoked'],
    ]);
    expect(fold([told(1, [tail]), told(2, [again])], { revoked: revoked(18) })).toEqual([hole]);
    // Also where only what comes after the interval shows that the batch goes on.
    expect(fold([told(2, [tail, [A, 25, 30, 'received']])], { revoked: revoked(31) })).toEqual([
      ['10-13 received 0,2,2', '13-20 unknown'],
    ]);
    // What people let in later counts, with its holes; what is between two such was put aside.
    const admitted = told(4, [tail, again]);
    expect(fold([told(2, [[A, 0, 10, 'silent']]), admitted], { revoked: revoked(10) })).toEqual([
      ['10-13 received 0,4,4', '13-15 unknown', '15-17 received 0,4,4', '17-20 revoked'],
    ]);
    expect(fold([told(2, [tail]), told(4, [again])], { revoked: revoked(13) })).toEqual([
      ['10-13 received 0,2,2', '13-15 revoked', '15-17 received 0,4,4', '17-20 revoked'],
    ]);
    // The last batch is not shown: the time up to it is nobody's, and after it all is the revocation's.
    expect(fold([told(1, [tail])], { revoked: revoked(18) })).toEqual([
      ['10-13 received 0,1,1', '13-18 unknown', '18-20 revoked'],
    ]);
    expect(fold([told(1, [tail])], { revoked: revoked(Number.POSITIVE_INFINITY) })).toEqual([
      ['10-13 received 0,1,1', '13-20 unknown'],
    ]);
  });

  it('takes no time from a leaf that only counts', () => {
    expect(
      fold([
        told(1, [
          [B, 15, 15, 'received'],
          [A, 10, 20, 'silent'],
        ]),
      ]),
    ).toEqual([['10-20 silent 0,1,1']]);
  });
});

describe('sharesOf', () => {
  it('rounds so that the sum is 100 %', () => {
    const batches = [
      told(1, [
        [A, 10, 11, 'received'],
        [A, 11, 12, 'silent'],
        [A, 12, 13, 'no-link'],
      ]),
    ];
    const [device] = foldCoverage(batches, { from: 10, to: 13, complete: true });
    const shares = sharesOf(device!);
    expect(shares.map(({ points }) => points)).toEqual([3334, 3333, 3333]);
    expect(shares.reduce((sum, { points }) => sum + points, 0)).toBe(10_000);
  });
});
