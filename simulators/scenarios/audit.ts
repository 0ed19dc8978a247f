/**
 * Compares the ground truth of a scenario with what was filed. Shares no decision with agent or service: a reading is
 * found by wearable, vital sign, value as text, and time.
 */
import type { Instant } from '../../protocol/time.ts';
import type { Keeping } from './kinds.ts';
import { match, type Window } from './match.ts';
import type { TruthLine, Why } from './truth.ts';

/** One number that the record holds. A panel is as many as it has parts. */
export interface FiledValue {
  /** Address of the wearable. */
  readonly address: string;
  readonly mdc: number;
  readonly value: string;
  readonly measuredAt: Instant;
  readonly heardAt: Instant;
  /** Reading id, by which anybody finds it again. */
  readonly id: string;
}

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
}

/** Counts of one kind of wearable; numbers, of which a measurement may hold several. */
export interface AuditRow {
  readonly kind: string;
  readonly wearables: number;
  readonly measured: number;
  readonly delivered: number;
  readonly filed: number;
  /** Delivered and not filed. */
  readonly lost: number;
  /** Filed more often than the wearable sent it, while nothing doubled what it sent. */
  readonly doubled: number;
  /** Filed and never measured, while nothing changed what it sent. */
  readonly invented: number;
  /** Reached the host twice by a fault, which nobody can tell from a true repeat, or with other octets, and were filed so. */
  readonly faulty: number;
  /** Not delivered, by what became of it. */
  readonly undelivered: Readonly<Partial<Record<Why, number>>>;
  /** Seconds by what the agents attest; together all of the run. */
  readonly seconds: Readonly<Record<string, number>>;
  /** Seconds of which nothing is attested. */
  readonly unexplained: number;
}

type Measured = Extract<TruthLine, { line: 'measured' }>;
type Outcome = Extract<TruthLine, { line: 'outcome' }>;
type FaultLine = Extract<TruthLine, { line: 'fault' }>;

/**
 * Times that a wearable keeps may be of the minute; others are those of arrival, which a fault may delay. What is advertised
 * is so until there is something new.
 */
const WINDOWS: Readonly<Record<Keeping, Window>> = {
  stored: { from: -60_000, to: 60_000 },
  live: { from: 0, to: 60_000 },
  broadcast: { from: 0, to: 3_600_000 },
};

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
  for (const [address, kind] of input.kinds) {
    const truth = measuredBy.get(address) ?? [];
    const filed = filedBy.get(address) ?? [];
    const counts = countWearable(truth, outcomes, filed, during(faults, truth[0]));
    const row = { kind, wearables: 1, ...counts, ...explain(attestedBy.get(address) ?? [], input.from, input.to) };
    rows.set(kind, add(rows.get(kind), row));
  }
  const strange = input.filed.filter(({ address }) => !input.kinds.has(address));
  if (strange.length > 0) {
    const counts = countWearable([], outcomes, strange, () => false);
    rows.set(STRANGE, { kind: STRANGE, wearables: 0, ...counts, seconds: {}, unexplained: 0 });
  }
  return [...rows.values()];
}

/** What is filed of no wearable of the scenario. */
const STRANGE = 'no wearable';

/** Whether a fault of a kind was on a wearable, or on its home, at an instant. */
type IsUnder = (kind: FaultLine['fault']['kind'], at: Instant) => boolean;

function during(faults: readonly FaultLine[], wearable: Measured | undefined): IsUnder {
  const own = faults.filter((line) =>
    'device' in line ? line.device === wearable?.device : line.home === wearable?.home,
  );
  return (kind, at) => own.some(({ fault, from, to }) => fault.kind === kind && from <= at && at <= to);
}

function countWearable(
  truth: readonly Measured[],
  outcomes: ReadonlyMap<number, Outcome>,
  filed: readonly FiledValue[],
  isUnder: IsUnder,
): Omit<AuditRow, 'kind' | 'wearables' | 'seconds' | 'unexplained'> {
  const keeps = truth[0]?.keeps ?? 'live';
  const window = WINDOWS[keeps];
  const numbers = truth.flatMap(({ n, measuredAt, vitals }) =>
    vitals.map(({ mdc, value }) => ({ key: `${mdc} ${value}`, at: measuredAt, outcome: outcomes.get(n) })),
  );
  const [delivered, others] = [true, false].map((is) =>
    numbers.filter(({ outcome }) => (outcome?.delivered === true) === is),
  ) as [typeof numbers, typeof numbers];
  const undelivered: Partial<Record<Why, number>> = {};
  for (const { outcome } of others) {
    if (outcome?.why) undelivered[outcome.why] = (undelivered[outcome.why] ?? 0) + 1;
  }
  const there = filed.map(({ mdc, value, measuredAt, heardAt }) => {
    return { key: `${mdc} ${value}`, at: keeps === 'stored' ? measuredAt : heardAt, heardAt };
  });
  const { missing, surplus } = match(delivered, there, window);
  // What a fault changed on its way, and left the number as it was, is no other number.
  const extra = match(others, surplus, window).surplus;
  const isFaulty = ({ heardAt }: { readonly heardAt: Instant }) =>
    isUnder('malformed-values', heardAt) || isUnder('doubled-notifications', heardAt);
  const [faulty, wrong] = [extra.filter(isFaulty), extra.filter((one) => !isFaulty(one))];
  const known = new Set(numbers.map(({ key }) => key));
  return {
    measured: numbers.length,
    delivered: delivered.length,
    filed: filed.length,
    lost: missing.length,
    doubled: wrong.filter(({ key }) => known.has(key)).length,
    invented: wrong.filter(({ key }) => !known.has(key)).length,
    faulty: faulty.length,
    undelivered,
  };
}

/** Seconds by state, later words over earlier ones, and what nobody spoke of. */
function explain(coverage: readonly Attested[], from: Instant, to: Instant): Pick<AuditRow, 'seconds' | 'unexplained'> {
  const seconds: Record<string, number> = {};
  let unexplained = 0;
  let at = from;
  for (const span of coverage.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    const begin = Math.max(span.from, at);
    const end = Math.min(span.to, to);
    if (end <= begin) continue;
    unexplained += begin - at;
    seconds[span.state] = (seconds[span.state] ?? 0) + (end - begin) / 1000;
    at = end;
  }
  return { seconds, unexplained: (unexplained + Math.max(0, to - at)) / 1000 };
}

function add(a: AuditRow | undefined, b: AuditRow): AuditRow {
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
    undelivered: merged(a.undelivered, b.undelivered),
    seconds: merged(a.seconds, b.seconds) as Record<string, number>,
    unexplained: a.unexplained + b.unexplained,
  };
}

/** Whether the record is what the wearables sent, and every second has a cause. */
export function isClean(rows: readonly AuditRow[]): boolean {
  return rows.every((row) => row.lost + row.doubled + row.invented + row.unexplained === 0);
}

const NUMBERS = ['wearables', 'measured', 'delivered', 'filed', 'lost', 'doubled', 'invented', 'faulty'] as const;

/** The rows as people read them; the last line is the sum. */
export function formatAudit(rows: readonly AuditRow[]): string {
  const total = rows.reduce<AuditRow | undefined>((all, row) => add(all, row), undefined);
  const lines = [...rows, ...(total ? [{ ...total, kind: 'all' }] : [])].map((row) => {
    const why = Object.entries(row.undelivered).map(([name, n]) => `${n} ${name}`);
    const states = Object.entries(row.seconds).map(([name, s]) => `${name} ${(s / 3600).toFixed(1)} h`);
    return [
      row.kind.padEnd(16),
      ...NUMBERS.map((name) => String(row[name]).padStart(9)),
      `${row.unexplained.toFixed(0)} s`.padStart(12),
      `  ${why.join(', ') || '-'}; ${states.join(', ')}`,
    ].join(' ');
  });
  const head = ['kind'.padEnd(16), ...NUMBERS.map((name) => name.padStart(9)), ' unexplained'];
  return `${head.join(' ')}   not delivered; hours attested\n${lines.join('\n')}\n`;
}
