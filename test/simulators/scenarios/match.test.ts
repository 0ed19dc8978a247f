import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { match, type Timed } from '../../../simulators/scenarios/match.ts';

const WINDOW = { from: 0, to: 5 };
const of = (key: string, ...times: number[]): Timed[] => times.map((at) => ({ key, at }));
const timed = fc.array(fc.record({ key: fc.constantFrom('a', 'b'), at: fc.integer({ min: 0, max: 40 }) }));

describe('the truth and the record', () => {
  it('agree where each number is there once, in time', () => {
    expect(match([...of('a', 0, 10), ...of('b', 3)], [...of('b', 3), ...of('a', 15, 0)], WINDOW)).toEqual({
      missing: [],
      surplus: [],
    });
  });

  it('do not take a double for a number that is missing', () => {
    expect(match(of('a', 0, 10), of('a', 0, 1), WINDOW)).toEqual({ missing: of('a', 10), surplus: of('a', 1) });
  });

  it('do not take an earlier number, or another, for the one that was measured', () => {
    expect(match(of('a', 10), [...of('a', 9), ...of('b', 10)], WINDOW)).toEqual({
      missing: of('a', 10),
      surplus: [...of('a', 9), ...of('b', 10)],
    });
  });

  it('use each number once, whatever there is', () => {
    fc.assert(
      fc.property(timed, timed, (wanted, found) => {
        const { missing, surplus } = match(wanted, found, WINDOW);
        expect(wanted.length - missing.length).toBe(found.length - surplus.length);
        expect(match(wanted, wanted, WINDOW)).toEqual({ missing: [], surplus: [] });
      }),
    );
  });
});
