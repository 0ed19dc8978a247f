/**
 * Which number of the record is which number of the truth: each is used once, the earliest first, and only where the times
 * agree. So a number that came twice does not hide one that is missing.
 */
import type { Instant } from '../../protocol/time.ts';

export interface Timed {
  /** Vital sign and value as text. */
  readonly key: string;
  readonly at: Instant;
}

/** How much later, or earlier where negative, the record may say that a number was than the truth. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

export interface Matching<W, F> {
  /** Of the truth, those that the record has not. */
  readonly missing: readonly W[];
  /** Of the record, those that nothing in the truth stands for. */
  readonly surplus: readonly F[];
}

/** Cost grows as the numbers times their logarithm. */
export function match<W extends Timed, F extends Timed>(
  wanted: readonly W[],
  found: readonly F[],
  { from, to }: Window,
): Matching<W, F> {
  const missing: W[] = [];
  const surplus: F[] = [];
  const foundBy = Map.groupBy(found, ({ key }) => key);
  const wantedBy = Map.groupBy(wanted, ({ key }) => key);
  for (const [key, alike] of wantedBy) {
    const there = (foundBy.get(key) ?? []).toSorted((a, b) => a.at - b.at);
    let next = 0;
    for (const one of alike.toSorted((a, b) => a.at - b.at)) {
      while (there[next] && there[next]!.at < one.at + from) surplus.push(there[next++]!);
      if (there[next] && there[next]!.at <= one.at + to) next++;
      else missing.push(one);
    }
    surplus.push(...there.slice(next));
  }
  for (const [key, alike] of foundBy) if (!wantedBy.has(key)) surplus.push(...alike);
  return { missing, surplus };
}
