/**
 * Which number of the record is which number of the truth: each is used once, the earliest first, and only where the times
 * agree. So a number that came twice does not hide one that is missing.
 */
import type { Instant } from '../../protocol/time.ts';

export interface Wanted {
  /** Vital sign, value and unit as text. */
  readonly key: string;
  /** When the record may say that it was, both included. */
  readonly from: Instant;
  readonly to: Instant;
}

export interface Found {
  readonly key: string;
  readonly at: Instant;
}

export interface Matching<W, F> {
  readonly pairs: readonly (readonly [W, F])[];
  /** Of the truth, those that the record has not. */
  readonly missing: readonly W[];
  /** Of the record, those that nothing in the truth stands for. */
  readonly surplus: readonly F[];
}

/** Cost grows as the numbers times their logarithm. */
export function match<W extends Wanted, F extends Found>(wanted: readonly W[], found: readonly F[]): Matching<W, F> {
  const pairs: [W, F][] = [];
  const missing: W[] = [];
  const surplus: F[] = [];
  const foundBy = Map.groupBy(found, ({ key }) => key);
  const wantedBy = Map.groupBy(wanted, ({ key }) => key);
  for (const [key, alike] of wantedBy) {
    const there = (foundBy.get(key) ?? []).toSorted((a, b) => a.at - b.at);
    let next = 0;
    for (const one of alike.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
      while (there[next] && there[next]!.at < one.from) surplus.push(there[next++]!);
      if (there[next] && there[next]!.at <= one.to) pairs.push([one, there[next++]!]);
      else missing.push(one);
    }
    surplus.push(...there.slice(next));
  }
  for (const [key, alike] of foundBy) if (!wantedBy.has(key)) surplus.push(...alike);
  return { pairs, missing, surplus };
}
