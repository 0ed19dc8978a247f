/** What was measured, by patient: from the log of a simulator or from the recording that was replayed. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { encodeHex } from '../../protocol/bytes.ts';
import { decimalToString } from '../../protocol/decimal.ts';
import { deviceHandle } from '../../protocol/keys.ts';
import type { ReadingLeaf } from '../../protocol/leaf.ts';
import { MDC } from '../../protocol/mdc.ts';
import { type Instant, wallClockToInstant } from '../../protocol/time.ts';
import { resolutionOf } from '../recorders.ts';
import { parseRecording } from '../recording.ts';
import { type FaultLine, judge, type Measured, type Outcome, type Verdict } from '../scenarios/judge.ts';
import { match } from '../scenarios/match.ts';
import { numbersOf } from '../scenarios/numbers.ts';
import type { TruthLine } from '../scenarios/truth.ts';
import { slugOf, wearerOf } from '../wearers.ts';
import { resolveZone } from '../zone.ts';

/** A reading of the record with its id. */
export interface FiledLeaf {
  readonly id: string;
  readonly leaf: ReadingLeaf;
}

export interface Truth {
  /** Names of the key files of those who were measured. */
  readonly patients: readonly string[];
  readonly measured: number;
  /** What became of each number of one patient; of no use for a patient who is not in the list. */
  compare(slug: string, subject: Uint8Array, filed: readonly FiledLeaf[]): readonly Verdict[];
  /** Texts that must be nowhere else: names, addresses, values that can be recognized. */
  readonly personal: readonly { readonly what: string; readonly text: string }[];
  /** Octets likewise. */
  readonly octets: readonly { readonly what: string; readonly bytes: Uint8Array }[];
}

/** Shorter numbers are found by chance. */
const RECOGNIZABLE = /^\d{2,}\.\d{2,}$/;
const RECOGNIZABLE_OCTETS = 8;
/** So many values are looked for; all would take too long in a large record. */
const MOST_VALUES = 200;

/** `zone`: of a recording's times. Throws what reading and parsing throw. */
export function readTruth(file: string, zone: string): Truth {
  const text = readFileSync(file, 'utf8');
  return file.endsWith('.csv') ? recordingTruth(text, basename(file, '.csv'), zone) : simulatorTruth(text);
}

function simulatorTruth(text: string): Truth {
  // The last line may be cut where all fell at once; then the wearable never had what it tells of.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const lines = whole.split('\n').flatMap((line): TruthLine[] => (line === '' ? [] : [JSON.parse(line)]));
  const measured = lines.filter((line): line is Measured => line.line === 'measured');
  const outcomes = new Map(
    lines.filter((line): line is Outcome => line.line === 'outcome').map((line) => [line.n, line]),
  );
  const faults = lines.filter((line): line is FaultLine => line.line === 'fault' && line.refused === undefined);
  const byPatient = Map.groupBy(measured, ({ patient }) => patient);
  const texts = new Set(measured.flatMap(({ vitals }) => vitals.map(({ value }) => value)).filter(isRecognizable));
  const octets = new Set(
    measured.flatMap(({ raw }) => raw.map(({ hex }) => hex)).filter((hex) => hex.length >= 2 * RECOGNIZABLE_OCTETS),
  );
  return {
    patients: [...byPatient.keys()],
    measured: measured.length,
    compare(slug, subject, filed) {
      const mine = Map.groupBy(byPatient.get(slug) ?? [], ({ address }) => address.toLowerCase());
      const addresses = new Map(
        [...mine.keys()].flatMap((address) =>
          (['random', 'public'] as const).map((type) => [encodeHex(deviceHandle(subject, type, address)), address]),
        ),
      );
      const addressOf = ({ device }: ReadingLeaf) => addresses.get(encodeHex(device)) ?? 'of no wearable';
      const there = Map.groupBy(filed, ({ leaf }) => addressOf(leaf));
      return [...new Set([...mine.keys(), ...there.keys()])].flatMap((address) => {
        const truth = mine.get(address) ?? [];
        return judge({
          truth,
          outcomes,
          filed: (there.get(address) ?? []).flatMap((one) => valuesOf(one, address)),
          faults: faults.filter((line) =>
            'device' in line ? line.device === truth[0]?.device : line.home === truth[0]?.home,
          ),
        });
      });
    },
    personal: [
      ...[...new Set(measured.map(({ address }) => address))].map((address) => ({ what: 'an address', text: address })),
      ...[...texts].slice(0, MOST_VALUES).map((value) => ({ what: 'a value', text: value })),
    ],
    octets: [...octets]
      .slice(0, MOST_VALUES)
      .map((hex) => ({ what: 'what a wearable said', bytes: new Uint8Array(Buffer.from(hex, 'hex')) })),
  };
}

/** A wearable tells its battery of its own accord; no truth speaks of it. */
function valuesOf({ id, leaf }: FiledLeaf, address = '') {
  const { measuredAt, heardAt, unit } = leaf;
  if (leaf.vital === MDC.battery) return [];
  return numbersOf(leaf).map(([mdc, value]) => ({ address, mdc, value, unit: unit ?? '', measuredAt, heardAt, id }));
}

interface Wanted {
  readonly n: number;
  readonly key: string;
  readonly from: Instant;
  readonly to: Instant;
}

function recordingTruth(text: string, name: string, zone: string): Truth {
  const { rows } = parseRecording(text);
  const offsetOf = resolveZone(zone);
  const byPatient = new Map<string, Wanted[]>();
  let n = 0;
  for (const { subject, measuredAt, values } of rows) {
    const slug = slugOf(wearerOf(name, subject));
    const wanted = byPatient.get(slug) ?? [];
    byPatient.set(slug, wanted);
    const instant = wallClockToInstant(measuredAt, offsetOf(measuredAt));
    for (const { vital, unit, value } of values) {
      const at = instant - (instant % resolutionOf(vital));
      wanted.push({ n: n++, key: `${vital} ${decimalToString(value)} ${unit}`, from: at, to: at });
    }
  }
  const subjects = new Set(rows.flatMap(({ subject }) => (subject !== null && subject.length >= 6 ? [subject] : [])));
  const texts = new Set(
    rows.flatMap(({ values }) => values.map(({ value }) => decimalToString(value))).filter(isRecognizable),
  );
  return {
    patients: [...byPatient.keys()],
    measured: n,
    compare(slug, _subject, filed) {
      const wanted = byPatient.get(slug) ?? [];
      const found = filed
        .flatMap((one) => valuesOf(one))
        .map(({ id, mdc, value, unit, measuredAt: at }) => ({ id, key: `${mdc} ${value} ${unit}`, at }));
      const { pairs, missing, surplus } = match(wanted, found);
      const known = new Set(wanted.map(({ key, from }) => `${key} ${from}`));
      return [
        ...pairs.map(([one, { id }]) => ({ what: 'filed', n: one.n, id }) as const),
        ...missing.map((one) => ({ what: 'lost', n: one.n }) as const),
        ...surplus.map(
          ({ id, key, at }) => ({ what: known.has(`${key} ${at}`) ? 'doubled' : 'invented', id }) as const,
        ),
      ];
    },
    personal: [
      ...[...subjects].map((subject) => ({ what: 'a name', text: subject })),
      ...[...texts].slice(0, MOST_VALUES).map((value) => ({ what: 'a value', text: value })),
    ],
    octets: [],
  };
}

function isRecognizable(value: string): boolean {
  return RECOGNIZABLE.test(value);
}
