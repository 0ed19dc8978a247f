/** A certificate of coverage in words, for the two who print one: the service's command and the verifier. Pure. */
import { encodeHex } from './bytes.ts';
import type { CertifiedDevice, CertifiedInterval, CertifiedState } from './coverage-certificate.ts';
import { formatInstant } from './time.ts';
import { COVERAGE_NOT_SHOWN, type CoverageVerdict } from './verify-coverage.ts';

const WORDS: Readonly<Record<CertifiedState, string>> = {
  received: 'values were received',
  silent: 'the device was near and silent',
  'out-of-range': 'the device was out of range',
  'no-link': 'the device was near, and all links of the adapter were taken',
  'device-off': 'the device was off, its battery was empty',
  'agent-off': 'the gateway was off',
  paused: 'collecting was paused: no consent',
  'buffer-overflow': 'the gateway had no room for readings',
  unpaired: 'the device was given back',
  revoked: 'the key of the gateway was revoked: what it says does not count',
  'not-paired': 'no gateway listened to the device',
  unknown: 'UNKNOWN: nobody says',
};

/** What was, and that it became known late. */
export function describeInterval({ state, late }: Pick<CertifiedInterval, 'state' | 'late'>): string {
  return late ? `${WORDS[state]} (network down, filled later)` : WORDS[state];
}

/** Part of the time in one state. */
export interface Share {
  readonly state: CertifiedState;
  readonly late: boolean;
  readonly ms: number;
  /** Hundredths of a percent; those of all shares make 10,000. */
  readonly points: number;
}

/** The largest first. */
export function sharesOf({ intervals }: CertifiedDevice): Share[] {
  const sums = new Map<string, { state: CertifiedState; late: boolean; ms: number }>();
  for (const { from, to, state, late } of intervals) {
    const key = `${state} ${late}`;
    const sum = sums.get(key) ?? { state, late, ms: 0 };
    sums.set(key, { ...sum, ms: sum.ms + to - from });
  }
  const shares = [...sums.values()].toSorted((a, b) => b.ms - a.ms);
  const total = shares.reduce((sum, { ms }) => sum + ms, 0);
  // Rounded so that the sum stays what it is: the largest remainders get what is left.
  const exact = shares.map(({ ms }) => (10_000 * ms) / total);
  const points = exact.map(Math.floor);
  const order = exact.map((value, i) => ({ i, rest: value - points[i]! })).toSorted((a, b) => b.rest - a.rest);
  const left = 10_000 - points.reduce((sum, n) => sum + n, 0);
  for (const { i } of order.slice(0, left)) points[i]!++;
  return shares.map((share, i) => ({ ...share, points: points[i]! }));
}

/** Times in which a value could have been missed. */
export function gapsOf({ intervals }: CertifiedDevice): CertifiedInterval[] {
  return intervals.filter(({ state, late }) => late || (state !== 'received' && state !== 'silent'));
}

export function formatPoints(points: number): string {
  return `${(points / 100).toFixed(2)} %`;
}

/** Gaps of one device that are told one by one. */
const MAX_GAPS = 20;

/** Several lines, ending in a line feed. `trusted`: whether a trust file was given. */
export function renderCoverage(verdict: CoverageVerdict, trusted: boolean): string {
  const { certificate, steps, findings } = verdict;
  const lines: string[] = [TITLES[verdict.verdict]];
  if (certificate) {
    lines.push('', `Coverage from ${formatInstant(certificate.from)} to ${formatInstant(certificate.to)}`);
    lines.push(`patient   ${encodeHex(certificate.subject).slice(0, 16)}... (a pseudonym)`);
    for (const device of certificate.devices) lines.push('', ...deviceLines(device));
  }
  lines.push('', 'Step by step');
  for (const { step, holds, says } of steps) lines.push(`  ${step.padEnd(11)} ${holds ? 'holds' : 'FAILS'}  ${says}`);
  if (findings.length > 0) lines.push('', 'What is not covered', ...capped(findings.map(findingLine)));
  if (!trusted)
    lines.push('', 'No trust file was given, so nobody vouches for the agents and the log. Pass --trust FILE.');
  lines.push('', 'What no certificate shows', ...COVERAGE_NOT_SHOWN.map((text) => `  - ${text}`));
  return `${lines.join('\n')}\n`;
}

const TITLES = {
  green: 'GREEN: every step holds, and every instant has a cause.',
  red: 'RED: something is missing or does not hold; see below.',
} as const;

function deviceLines(device: CertifiedDevice): string[] {
  const shares = sharesOf(device).map(
    (share) => `  ${formatPoints(share.points).padStart(9)}  ${describeInterval(share)}`,
  );
  const gaps = gapsOf(device).map(
    ({ from, to, ...rest }) => `  ${formatInstant(from)} to ${formatInstant(to)}  ${describeInterval(rest)}`,
  );
  return [
    `Device ${encodeHex(device.device)}`,
    ...shares,
    gaps.length > 0 ? `  Gaps: ${gaps.length}` : '  No gap.',
    ...capped(gaps),
  ];
}

function findingLine({ from, to, says }: CoverageVerdict['findings'][number]): string {
  return `  ${formatInstant(from)} to ${formatInstant(to)}  ${says}`;
}

function capped(lines: readonly string[]): string[] {
  if (lines.length <= MAX_GAPS) return [...lines];
  return [...lines.slice(0, MAX_GAPS), `  ... and ${lines.length - MAX_GAPS} more; --json has them all`];
}

/** The verdict as plain JSON. */
export function plainCoverage({ verdict, steps, findings, certificate }: CoverageVerdict): object {
  const span = ({ from, to }: { from: number; to: number }) => ({ from: formatInstant(from), to: formatInstant(to) });
  return {
    verdict,
    steps,
    findings: findings.map((finding) => ({ ...span(finding), says: finding.says })),
    ...(certificate && {
      ...span(certificate),
      subject: encodeHex(certificate.subject),
      devices: certificate.devices.map((device) => ({
        device: encodeHex(device.device),
        shares: sharesOf(device).map(({ state, late, ms, points }) => ({ state, late, ms, percent: points / 100 })),
        intervals: device.intervals.map((one) => ({
          ...span(one),
          state: one.state,
          late: one.late,
          cause: describeInterval(one),
          by: one.by.map(([agent, first, last]) => ({ agent, first, last })),
        })),
      })),
    }),
  };
}
