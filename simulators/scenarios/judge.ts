/**
 * What the record made of one wearable, number by number. Shares no decision with agent or service: a number is found by
 * vital sign, value and unit as text, and time.
 */
import type { Instant } from '../../protocol/time.ts';
import { match } from './match.ts';
import type { TruthLine, Why } from './truth.ts';

/** One number that the record holds. A panel is as many as it has parts. */
export interface FiledValue {
  /** Address of the wearable. */
  readonly address: string;
  readonly mdc: number;
  readonly value: string;
  readonly unit: string;
  readonly measuredAt: Instant;
  readonly heardAt: Instant;
  /** Reading id, by which anybody finds it again. */
  readonly id: string;
}

/** `n` is a measurement of the truth, `id` a reading of the record. */
export type Verdict =
  | { readonly what: 'filed'; readonly n: number; readonly id: string }
  /** Delivered and not filed. */
  | { readonly what: 'lost'; readonly n: number }
  /** Not delivered; `uncaused` where no fault was about that could have kept it. */
  | { readonly what: 'undelivered' | 'uncaused'; readonly n: number; readonly why: Why | 'unknown' }
  /**
   * Filed more often than the wearable sent it; filed and never measured; or filed as a fault brought it: twice, which
   * nobody can tell from a true repeat, or with other octets.
   */
  | { readonly what: 'doubled' | 'invented' | 'faulty'; readonly id: string };

export type Measured = Extract<TruthLine, { line: 'measured' }>;
export type Outcome = Extract<TruthLine, { line: 'outcome' }>;
export type FaultLine = Extract<TruthLine, { line: 'fault' }>;

/** Times that a wearable keeps may be of the minute. */
const STORED_MS = 60_000;
/** After a fault has ended, a host needs so long at most, in simulated time, until it hears again. */
const RECOVERY_MS = 300_000;

export interface JudgeInput {
  readonly truth: readonly Measured[];
  readonly outcomes: ReadonlyMap<number, Outcome>;
  readonly filed: readonly FiledValue[];
  /** Those on this wearable, or on its home. */
  readonly faults: readonly FaultLine[];
}

export function judge({ truth, outcomes, filed, faults }: JudgeInput): Verdict[] {
  const keepsTime = truth[0]?.keeps === 'stored';
  const numbers = truth.flatMap(({ n, measuredAt, vitals }) => {
    const outcome = outcomes.get(n);
    const [from, to] = keepsTime
      ? [measuredAt - STORED_MS, measuredAt + STORED_MS]
      : // Stamped when it came, which is when it counted as delivered.
        [measuredAt, outcome?.at ?? Number.POSITIVE_INFINITY];
    return vitals.map(({ mdc, value, unit }) => ({ n, outcome, measuredAt, from, to, key: keyOf(mdc, value, unit) }));
  });
  const there = filed.map(({ id, mdc, value, unit, measuredAt, heardAt }) => {
    return { id, heardAt, at: keepsTime ? measuredAt : heardAt, key: keyOf(mdc, value, unit) };
  });
  const isUnder = (kind: FaultLine['fault']['kind'], at: Instant) =>
    faults.some(({ fault, from, to }) => fault.kind === kind && from <= at && at <= to);
  const delivered = numbers.filter(({ outcome }) => outcome?.delivered);
  const { pairs, missing, surplus: unwanted } = match(delivered, there);
  // Of what nobody noted an outcome, as when all fell at once, nobody knows whether it was delivered: it may be there, once.
  const open = numbers.filter(({ outcome }) => outcome === undefined);
  const { pairs: found, surplus } = match(open, unwanted);
  const arrived = new Set(found.map(([one]) => one));

  // A fault doubles what it brings once; under one that changes octets anything may come.
  const changed = surplus.filter(({ heardAt }) => isUnder('malformed-values', heardAt));
  const others = surplus.filter(({ heardAt }) => !isUnder('malformed-values', heardAt));
  const twice = match(
    delivered,
    others.filter(({ heardAt }) => isUnder('doubled-notifications', heardAt)),
  ).pairs.map(([, one]) => one);
  const faulty = new Set([...changed, ...twice]);
  const known = new Set(numbers.map(({ key }) => key));

  return [
    ...[...pairs, ...found].map(([{ n }, { id }]) => ({ what: 'filed', n, id }) as const),
    ...missing.map(({ n }) => ({ what: 'lost', n }) as const),
    ...numbers
      .filter((one) => !one.outcome?.delivered && !arrived.has(one))
      .map(({ n, outcome, measuredAt }) => {
        const isCaused = faults.some(({ from, to }) => from <= measuredAt && measuredAt <= to + RECOVERY_MS);
        const why = outcome?.why ?? 'unknown';
        const what = outcome && (isCaused || why === 'abandoned') ? 'undelivered' : 'uncaused';
        return { what, n, why } as const;
      }),
    ...surplus.map((one) => {
      const what = faulty.has(one) ? 'faulty' : known.has(one.key) ? 'doubled' : 'invented';
      return { what, id: one.id } as const;
    }),
  ];
}

function keyOf(mdc: number, value: string, unit: string): string {
  return `${mdc} ${value} ${unit}`;
}
