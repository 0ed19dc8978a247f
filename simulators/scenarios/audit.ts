/** Compares the ground truth of a scenario with what was filed and attested, kind by kind of wearable. */
import type { Instant } from '../../protocol/time.ts';
import { type FaultLine, type FiledValue, judge, type Measured, type Outcome, type Verdict } from './judge.ts';
import type { TruthLine, Why } from './truth.ts';

/** What an agent attests of a wearable in an interval. */
export interface Attested {
  readonly address: string;
  readonly from: Instant;
  readonly to: Instant;
  readonly state: string;
}

export interface AuditInput {
  readonly truth: readonly TruthLine[];
  readonly filed: readonly FiledValue[];
  readonly coverage: readonly Attested[];
  /** Wearables by address, with what kind they are. */
  readonly kinds: ReadonlyMap<string, string>;
  readonly from: Instant;
  readonly to: Instant;
  /** Told what became of each number. */
  readonly onVerdict?: (address: string, verdict: Verdict) => void;
}

/** Counts of one kind of wearable; numbers, of which a measurement may hold several. */
export interface AuditRow {
  readonly kind: string;
  readonly wearables: number;
  readonly measured: number;
  readonly delivered: number;
  readonly filed: number;
  readonly lost: number;
  readonly doubled: number;
  readonly invented: number;
  readonly faulty: number;
  /** Not delivered, and no fault could have kept it. */
  readonly uncaused: number;
  /** Not delivered, by what became of it. */
  readonly undelivered: Readonly<Partial<Record<Why | 'unknown', number>>>;
  /** Seconds by what the agents attest; together all of the run. */
  readonly seconds: Readonly<Record<string, number>>;
  /** Seconds of which nothing is attested, or two different things. */
  readonly unexplained: number;
}

/** What is filed or attested of no wearable of the scenario. */
const STRANGE = 'no wearable';

export function auditScenario(input: AuditInput): AuditRow[] {
  const measured = input.truth.filter((line): line is Measured => line.line === 'measured');
  const outcomes = new Map(
    input.truth.filter((line): line is Outcome => line.line === 'outcome').map((line) => [line.n, line]),
  );
  const faults = input.truth.filter((line): line is FaultLine => line.line === 'fault' && line.refused === undefined);
  const filedBy = Map.groupBy(input.filed, ({ address }) => address);
  const measuredBy = Map.groupBy(measured, ({ address }) => address);
  const attestedBy = Map.groupBy(input.coverage, ({ address }) => address);
  const rows = new Map<string, AuditRow>();
  const strangers = [...filedBy.keys(), ...attestedBy.keys()].filter((address) => !input.kinds.has(address));
  for (const address of new Set([...input.kinds.keys(), ...strangers])) {
    const kind = input.kinds.get(address) ?? STRANGE;
    const truth = measuredBy.get(address) ?? [];
    const verdicts = judge({
      truth,
      outcomes,
      filed: filedBy.get(address) ?? [],
      faults: faults.filter((line) =>
        'device' in line ? line.device === truth[0]?.device : line.home === truth[0]?.home,
      ),
    });
    for (const verdict of verdicts) input.onVerdict?.(address, verdict);
    const attested = attestedBy.get(address) ?? [];
    const spans = kind === STRANGE ? { seconds: {}, unexplained: lengthOf(attested) } : explain(attested, input);
    const row = { kind, wearables: kind === STRANGE ? 0 : 1, ...countOf(verdicts), ...spans };
    rows.set(kind, add(rows.get(kind), row));
  }
  return [...rows.values()];
}

function countOf(verdicts: readonly Verdict[]): Omit<AuditRow, 'kind' | 'wearables' | 'seconds' | 'unexplained'> {
  const undelivered: Partial<Record<Why | 'unknown', number>> = {};
  const of = (what: Verdict['what']) => verdicts.filter((one) => one.what === what).length;
  for (const one of verdicts) if ('why' in one) undelivered[one.why] = (undelivered[one.why] ?? 0) + 1;
  const [filed, lost, doubled, invented] = [of('filed'), of('lost'), of('doubled'), of('invented')];
  const [faulty, uncaused] = [of('faulty'), of('uncaused')];
  return {
    measured: filed + lost + uncaused + of('undelivered'),
    delivered: filed + lost,
    filed: filed + doubled + invented + faulty,
    lost,
    doubled,
    invented,
    faulty,
    uncaused,
    undelivered,
  };
}

function lengthOf(spans: readonly Attested[]): number {
  return spans.reduce((sum, { from, to }) => sum + (to - from) / 1000, 0);
}

/** Seconds by state, and those of which nobody spoke, or two did and said different things. */
function explain(
  coverage: readonly Attested[],
  { from, to }: Pick<AuditInput, 'from' | 'to'>,
): Pick<AuditRow, 'seconds' | 'unexplained'> {
  const seconds: Record<string, number> = {};
  let unexplained = 0;
  let at = from;
  let last: string | undefined;
  for (const span of coverage.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    const end = Math.min(span.to, to);
    if (span.state !== last) unexplained += Math.max(0, Math.min(at, end) - Math.max(span.from, from));
    const begin = Math.max(span.from, at);
    if (end <= begin) continue;
    unexplained += begin - at;
    seconds[span.state] = (seconds[span.state] ?? 0) + (end - begin) / 1000;
    at = end;
    last = span.state;
  }
  return { seconds, unexplained: (unexplained + Math.max(0, to - at)) / 1000 };
}

/** The sum of two rows, under the name of the first. */
export function add(a: AuditRow | undefined, b: AuditRow): AuditRow {
  if (!a) return b;
  const merged = <K extends string>(left: Partial<Record<K, number>>, right: Partial<Record<K, number>>) => {
    const all = { ...left };
    for (const [key, value] of Object.entries(right) as [K, number][]) all[key] = (all[key] ?? 0) + value;
    return all;
  };
  return {
    kind: a.kind,
    wearables: a.wearables + b.wearables,
    measured: a.measured + b.measured,
    delivered: a.delivered + b.delivered,
    filed: a.filed + b.filed,
    lost: a.lost + b.lost,
    doubled: a.doubled + b.doubled,
    invented: a.invented + b.invented,
    faulty: a.faulty + b.faulty,
    uncaused: a.uncaused + b.uncaused,
    undelivered: merged(a.undelivered, b.undelivered),
    seconds: merged(a.seconds, b.seconds) as Record<string, number>,
    unexplained: a.unexplained + b.unexplained,
  };
}

/** Whether the record is what the wearables sent, and everything that is missing has a cause. */
export function isClean(rows: readonly AuditRow[]): boolean {
  return rows.every((row) => row.lost + row.doubled + row.invented + row.uncaused + row.unexplained === 0);
}
