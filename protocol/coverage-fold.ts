/**
 * From the coverage leaves of several batches and agents to intervals that join without a gap: what is known of each
 * device at every instant. The one who issues a certificate and the one who checks it use this same function.
 */
import { encodeHex } from './bytes.ts';
import type { CertifiedDevice, CertifiedInterval, CertifiedState } from './coverage-certificate.ts';
import type { CoverageLeaf } from './leaf.ts';
import type { Instant } from './time.ts';

/** A batch that came so long after it was closed came late: what it says was not known before. */
export const LATE_MS = 300_000;

/** What one batch says of the patient. */
export interface ToldBatch {
  readonly agent: number;
  readonly sequence: number;
  readonly closedAt: Instant;
  readonly receivedAt: Instant;
  readonly leaves: readonly CoverageLeaf[];
}

export interface FoldQuestion {
  readonly from: Instant;
  readonly to: Instant;
  readonly device?: Uint8Array;
  /** Nothing is hidden in what is shown: then a time before a device's first leaf is one in which nobody spoke for it. */
  readonly complete: boolean;
  /** Agents whose key was revoked. */
  readonly revoked?: ReadonlyMap<number, Revoked>;
}

/**
 * The last batch that stands before the revocation in the log, or that the revocation names, and when it was closed; Infinity
 * where nothing shows that.
 */
export interface Revoked {
  readonly sequence: number;
  readonly from: Instant;
}

/** When several say something of one instant, the first of these counts. */
const RANK: readonly CertifiedState[] = [
  'received',
  'silent',
  'no-link',
  'paused',
  'buffer-overflow',
  'device-off',
  'out-of-range',
  'agent-off',
  'unpaired',
  'revoked',
  'not-paired',
  'unknown',
];

interface Said {
  readonly from: Instant;
  readonly to: Instant;
  readonly state: CertifiedState;
  readonly late: boolean;
  readonly agent: number;
  readonly sequence: number;
}

/** Devices in order of their handles; every one that the batches speak of, or the one that is asked about. */
export function foldCoverage(batches: readonly ToldBatch[], question: FoldQuestion): CertifiedDevice[] {
  const byDevice = new Map<string, { device: Uint8Array; said: Said[] }>();
  if (question.device) byDevice.set(encodeHex(question.device), { device: question.device, said: [] });
  for (const { agent, sequence, closedAt, receivedAt, leaves } of batches) {
    const late = receivedAt - closedAt > LATE_MS;
    for (const { device, from, to, state } of leaves) {
      const key = encodeHex(device);
      if (question.device && key !== encodeHex(question.device)) continue;
      // A leaf that only counts speaks for no time, and need not be of a device that is spoken for.
      if (from === to && state !== 'unpaired') continue;
      const known = byDevice.get(key) ?? { device, said: [] };
      byDevice.set(key, known);
      known.said.push({ from, to, state, late, agent, sequence });
    }
  }
  return [...byDevice]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, { device, said }]) => {
      const intervals = foldDevice(said, question);
      // One that was given back before the interval is none of its devices.
      const isGone = !question.device && intervals.every(({ state }) => state === 'not-paired');
      return isGone ? [] : [{ device, intervals }];
    });
}

/** One sweep over the edges: what an agent signs may be many leaves, and overlap. */
function foldDevice(said: readonly Said[], question: FoldQuestion): CertifiedInterval[] {
  const { from, to } = question;
  const spans = said.filter((one) => one.to > one.from && one.to > from && one.from < to);
  const starts = spans.toSorted((a, b) => a.from - b.from);
  const ends = said.toSorted((a, b) => a.to - b.to || a.sequence - b.sequence);
  const revocations = [...(question.revoked?.values() ?? [])].map((end) => end.from);
  const edges = [...new Set([from, to, ...revocations, ...spans.flatMap((one) => [one.from, one.to])])]
    .filter((at) => at >= from && at <= to)
    .toSorted((a, b) => a - b);
  const intervals: CertifiedInterval[] = [];
  /** What each agent said last of the device, up to the edge. */
  const lastOf = new Map<number, Said>();
  /** What each agent says of it from the edge on, also after the interval, the earliest at the end. */
  const nextOf = Map.groupBy(
    said.filter((one) => one.to > one.from).toSorted((a, b) => b.from - a.from),
    ({ agent }) => agent,
  );
  const isBridged = ({ agent, sequence }: Said, begin: Instant) => {
    const next = nextOf.get(agent)!;
    while (next.length > 0 && next.at(-1)!.from < begin) next.pop();
    return next.length > 0 && next.at(-1)!.sequence <= sequence + 1;
  };
  let active: Said[] = [];
  let started = 0;
  let ended = 0;
  for (const [i, begin] of edges.slice(0, -1).entries()) {
    const end = edges[i + 1]!;
    while (starts[started] && starts[started]!.from <= begin) active.push(starts[started++]!);
    for (; ends[ended] && ends[ended]!.to <= begin; ended++) lastOf.set(ends[ended]!.agent, ends[ended]!);
    active = active.filter((one) => one.to > begin);
    const best = firstInRank(active);
    const by = active.filter((one) => one.state === best?.state && one.late === best.late);
    if (best) add(intervals, { from: begin, to: end, state: best.state, late: best.late, by: by.map(refer) });
    else
      add(intervals, {
        from: begin,
        to: end,
        state: holeState(lastOf, begin, question, isBridged),
        late: false,
        by: [],
      });
  }
  return intervals;
}

/** The earliest of those that count most. */
function firstInRank(active: readonly Said[]): Said | undefined {
  const rankOf = ({ state }: Said) => RANK.indexOf(state);
  return active.reduce<Said | undefined>((best, one) => (best && rankOf(best) <= rankOf(one) ? best : one), undefined);
}

function refer({ agent, sequence }: Said): readonly [number, number, number] {
  return [agent, sequence, sequence];
}

/**
 * Nobody spoke: because nobody had to, before the first leaf and after the device was taken away; because who should have
 * counts no more; or nobody knows why. `isBridged`: the agent goes on in the same batch or the next, so it is a hole in
 * what it says that counts, and no revocation is the cause.
 */
function holeState(
  lastOf: ReadonlyMap<number, Said>,
  begin: Instant,
  { complete, revoked }: FoldQuestion,
  isBridged: (said: Said, begin: Instant) => boolean,
): CertifiedState {
  const bound = [...lastOf.values()].filter(({ state }) => state !== 'unpaired');
  if (bound.length === 0) return complete ? 'not-paired' : 'unknown';
  const isRevoked = (said: Said) => {
    const end = revoked?.get(said.agent);
    return end !== undefined && (said.sequence >= end.sequence || begin >= end.from) && !isBridged(said, begin);
  };
  return bound.every(isRevoked) ? 'revoked' : 'unknown';
}

function add(intervals: CertifiedInterval[], one: CertifiedInterval): void {
  const last = intervals.at(-1);
  if (last?.state !== one.state || last.late !== one.late) {
    intervals.push({ ...one, by: joinRuns([], one.by) });
    return;
  }
  intervals[intervals.length - 1] = { ...last, to: one.to, by: joinRuns(last.by, one.by) };
}

/** Neighbors of one agent become one run. */
function joinRuns(known: CertifiedInterval['by'], more: CertifiedInterval['by']): CertifiedInterval['by'] {
  const runs = [...known];
  for (const [agent, first, last] of more) {
    const at = runs.findLastIndex((run) => run[0] === agent);
    const run = runs[at];
    if (run && first >= run[1] && first <= run[2] + 1) runs[at] = [agent, run[1], Math.max(run[2], last)];
    else runs.push([agent, first, last]);
  }
  return runs;
}
