import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { match } from '../../../simulators/scenarios/match.ts';

const of = (key: string, ...times: number[]) => times.map((at) => ({ key, at, from: at, to: at + 5 }));
const timed = fc
  .array(fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 0, max: 40 })))
  .map((all) => all.flatMap(([key, at]) => of(key, at)));

describe('the truth and the record', () => {
  it('agree where each number is there once, in time', () => {
    expect(match([...of('a', 0, 10), ...of('b', 3)], [...of('b', 3), ...of('a', 15, 0)])).toMatchObject({
      missing: [],
      surplus: [],
    });
  });

  it('do not take a double for a number that is missing', () => {
    expect(match(of('a', 0, 10), of('a', 0, 1))).toMatchObject({ missing: of('a', 10), surplus: of('a', 1) });
  });

  it('do not take an earlier number, or another, for the one that was measured', () => {
    expect(match(of('a', 10), [...of('a', 9), ...of('b', 10)])).toMatchObject({
      missing: of('a', 10),
      surplus: [...of('a', 9), ...of('b', 10)],
    });
  });

  it('use each number once, whatever there is', () => {
    fc.assert(
      fc.property(timed, timed, (wanted, found) => {
        const { pairs, missing, surplus } = match(wanted, found);
        expect(pairs.length).toBe(wanted.length - missing.length);
        expect(pairs.length).toBe(found.length - surplus.length);
        expect(match(wanted, wanted)).toMatchObject({ missing: [], surplus: [] });
      }),
    );
  });
});
