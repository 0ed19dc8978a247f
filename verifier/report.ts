/** What `npm run verify` says: a verdict in plain words, or as one line of JSON. Pure. */
import { type ConfirmedAnchor, sayAnchor } from '../protocol/anchor-confirmation.ts';
import { encodeHex } from '../protocol/bytes.ts';
import { correctReading } from '../protocol/correction-leaf.ts';
import { decimalToString, isDecimal, type SensorValue } from '../protocol/decimal.ts';
import { encodeId } from '../protocol/keys.ts';
import type { ReadingLeaf } from '../protocol/leaf.ts';
import type { ReadSupersession } from '../protocol/supersession.ts';
import { formatInstant } from '../protocol/time.ts';
import { NOT_SHOWN, type StepResult, type Verdict } from '../protocol/verify.ts';
import { vitalSignByMdc } from '../protocol/vital-signs.ts';
import { printable, showInstant, titleOf, UNSAFE, valuesOf } from './reading-text.ts';

/** A file that cannot be read is `not-provable`. */
export type Outcome = Verdict['verdict'];

const EXIT_CODES: Readonly<Record<Outcome, number>> = { genuine: 0, altered: 1, 'not-provable': 2, superseded: 3 };

/** The one that decides the exit code. */
export function worstOf(outcomes: readonly Outcome[]): Outcome {
  const order: readonly Outcome[] = ['altered', 'not-provable', 'superseded'];
  return order.find((outcome) => outcomes.includes(outcome)) ?? 'genuine';
}

/** 1 when any is altered, else 2 when any cannot be proven, else 3 when any is superseded, else 0. */
export function exitCodeOf(outcomes: readonly Outcome[]): number {
  const codes = outcomes.map((outcome) => EXIT_CODES[outcome]);
  return [1, 2, 3].find((code) => codes.includes(code)) ?? 0;
}

const TITLES: Readonly<Record<Verdict['verdict'], string>> = {
  genuine: 'GENUINE: every step holds.',
  superseded: 'SUPERSEDED: it is what the sensor said, and it was corrected or withdrawn since.',
  altered: 'ALTERED: a step fails, so do not believe it.',
  'not-provable': 'NOT PROVABLE: nothing speaks against it, but not every step can be decided.',
};

export const MARKS: Readonly<Record<StepResult['result'], string>> = {
  holds: 'holds',
  fails: 'FAILS',
  unknown: 'open',
};

/** The verdict for people, several lines, ending in a line feed. `trusted`: whether a trust file was given. */
export function renderReport(file: string, verdict: Verdict, trusted: boolean): string {
  const { reading, steps, anchors } = verdict;
  const lines = [`${printable(file)}: ${TITLES[verdict.verdict]}`];
  if (reading) {
    lines.push(
      '',
      verdict.verdict === 'genuine' || verdict.verdict === 'superseded'
        ? 'The reading'
        : 'The reading, as the receipt claims',
    );
    lines.push(...describeReading(reading).map((line) => `  ${line}`));
  }
  if (verdict.correction) lines.push('', 'What took its place', ...describeCorrection(verdict.correction, reading));
  lines.push('', 'Step by step');
  for (const { step, result, says } of steps) {
    lines.push(`  ${step.padEnd(11)} ${MARKS[result].padEnd(6)} ${printable(says)}`);
  }
  // Not cut to a length as other text is: nothing in it is the receipt's own wording.
  if (anchors && anchors.anchors.length > 0)
    lines.push('', 'Anchored', ...anchors.anchors.map((one) => `  ${sayAnchor(one)}`));
  if (!trusted) lines.push('', ...TRUST_HINT);
  lines.push('', 'What no receipt shows', ...NOT_SHOWN.map((text) => `  - ${text}`));
  return `${lines.join('\n')}\n`;
}

/** Of a file with many receipts, how many there are of each verdict, and in full the first that is not genuine. */
export function renderReports(file: string, verdicts: readonly Verdict[], trusted: boolean): string {
  const [first] = verdicts;
  if (verdicts.length === 1) return renderReport(file, first!, trusted);
  const counts = Object.keys(TITLES).flatMap((outcome) => {
    const count = verdicts.filter(({ verdict }) => verdict === outcome).length;
    return count > 0 ? [`${count} ${outcome}`] : [];
  });
  const lines = [`${printable(file)}: ${verdicts.length} receipts: ${counts.join(', ')}`];
  const times = verdicts.flatMap(({ reading }) => (reading ? [reading] : []));
  if (times.length > 0) lines.push('', ...describeSpan(times).map((line) => `  ${line}`));
  const odd = verdicts.findIndex(({ verdict }) => verdict !== 'genuine');
  if (odd < 0) return `${lines.join('\n')}\n`;
  return `${lines.join('\n')}\n\n${renderReport(`${file}, receipt ${odd + 1}`, verdicts[odd]!, trusted)}`;
}

function describeSpan(readings: readonly ReadingLeaf[]): string[] {
  const titles = [...new Set(readings.map(({ vital }) => titleOf(vital)))];
  const ordered = readings.toSorted((a, b) => a.measuredAt - b.measuredAt);
  const [from, to] = [ordered[0]!, ordered.at(-1)!];
  return [
    titles.join(', '),
    `measured  ${showInstant(from.measuredAt, from.zoneMin)} to ${showInstant(to.measuredAt, to.zoneMin)}`,
  ];
}

export const TRUST_HINT = [
  'No trust file was given, so nobody vouches for the agent and the log. Pass --trust FILE, and have that file from',
  'somebody else than the party that is being checked.',
];

function describeReading(reading: ReadingLeaf): string[] {
  const { measuredAt, measuredBy, heardAt, zoneMin, flags, test } = reading;
  const clock = measuredBy === 'device' ? "the device's clock" : "the gateway's clock";
  const lines = [
    `${titleOf(reading.vital)}: ${valuesOf(reading)}`,
    `measured  ${showInstant(measuredAt, zoneMin)} by ${clock}`,
    `heard     ${showInstant(heardAt, zoneMin)} by the gateway's clock`,
    `patient   ${encodeId(reading.subject)} (a pseudonym)`,
  ];
  if (flags.length > 0) lines.push(`quality   ${flags.map(printable).join(', ')}`);
  if (test) lines.push('TEST DATA: simulated or replayed, not a measurement of the patient');
  return lines;
}

function describeCorrection({ by, at, correction }: ReadSupersession, reading: ReadingLeaf | undefined): string[] {
  const lines = [`  ${formatInstant(at)} by ${by}: ${correction.reason}`];
  if (correction.act === 'withdraw' || !reading) return [...lines, '  nothing: the reading was withdrawn'];
  return [
    ...lines,
    ...describeReading(correctReading(reading, correction))
      .slice(0, 2)
      .map((line) => `  ${line}`),
  ];
}

/** The verdict as one line of JSON, with its line feed; what the receipt claims is in `reading`. */
export function renderJson(file: string, verdict: Verdict): string {
  const { reading, steps, anchors } = verdict;
  const json = {
    file,
    verdict: verdict.verdict,
    steps,
    ...(reading && { reading: plainReading(reading) }),
    ...(anchors && { anchors: { ...anchors, anchors: anchors.anchors.map(plainAnchor) } }),
    ...(verdict.correction && reading && { correction: plainCorrection(verdict.correction, reading) }),
  };
  return `${escapeControls(JSON.stringify(json))}\n`;
}

function plainCorrection({ by, at, correction }: ReadSupersession, reading: ReadingLeaf): object {
  const { act, reason } = correction;
  const replaced = act === 'amend' && { reading: plainReading(correctReading(reading, correction)) };
  return { act, reason, by, at: formatInstant(at), ...replaced };
}

function plainReading(reading: ReadingLeaf): object {
  const { vital, value, components, unit, measuredAt, measuredBy, heardAt, zoneMin, flags, test } = reading;
  const row = vitalSignByMdc(vital);
  return {
    vital: row?.name ?? null,
    title: titleOf(vital),
    mdc: vital,
    ...(value !== undefined && { value: plainValue(value) }),
    ...(components && {
      components: components.map((part) => ({
        vital: vitalSignByMdc(part.vital)?.name ?? null,
        mdc: part.vital,
        value: plainValue(part.value),
      })),
    }),
    unit,
    measuredAt: showInstant(measuredAt, zoneMin),
    measuredBy,
    heardAt: showInstant(heardAt, zoneMin),
    subject: encodeId(reading.subject),
    device: encodeHex(reading.device),
    flags,
    test,
  };
}

function plainAnchor({ chainId, contract, block, missing }: ConfirmedAnchor): object {
  return {
    chainId,
    contract: `0x${encodeHex(contract)}`,
    block: { hash: `0x${encodeHex(block.hash)}`, number: block.number, at: showInstant(block.at, 0) },
    missing,
  };
}

/** A number as text, because its decimals say how precise the sensor was; a special value by its name. */
function plainValue(value: SensorValue): string {
  return isDecimal(value) ? decimalToString(value) : value;
}

/** JSON whose strings hold no control that JSON itself lets through; it stays the same JSON. */
export function escapeControls(json: string): string {
  return json.replace(UNSAFE, (character) =>
    Array.from(character.split(''), (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
  );
}
