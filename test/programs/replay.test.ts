/** Recordings of real wearables along the whole road and back out through FHIR: nothing lost, doubled, moved or rounded. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { decimalToString } from '../../protocol/decimal.ts';
import { MDC } from '../../protocol/vital-signs.ts';
import { parseRecording, type Recording } from '../../simulators/recording.ts';
import { type ReplayResult, replayRecording } from '../../simulators/replay.ts';
import { resolveZone } from '../../simulators/zone.ts';
import { type ReadObservation, searchAll } from '../support/fhir-reader.ts';
import { openTestWorld, type Session, type TestWorld } from '../support/test-world.ts';

const RECORDINGS = join(import.meta.dirname, '..', '..', 'simulators', 'recordings');

let test: TestWorld | undefined;
afterEach(async () => {
  await test?.close();
  test = undefined;
});

function readRecording(file: string): Recording {
  return parseRecording(readFileSync(join(RECORDINGS, file), 'utf8'));
}

function replay(world: TestWorld, recording: Recording, name: string, zone = 'UTC'): Promise<ReplayResult> {
  return replayRecording(world, { directory: world.directory, recording, name, zone: resolveZone(zone) });
}

/** Sessions of all patients, by the name that the record has for them. */
async function sessionsByName(world: TestWorld): Promise<Map<string, { id: string; session: Session }>> {
  const { patients } = world.service.store;
  const all = patients.all().map(async (patient) => {
    const session = await world.signIn({ role: 'patient', patient: patient.id });
    return [patients.profile(patient).name, { id: patient.id, session }] as const;
  });
  return new Map(await Promise.all(all));
}

/** `measuredAt value` of each row, as it must come back; a CGM tells the minute. */
function linesOf({ rows }: Recording, subject: string | null, cut: (at: string) => string): string[] {
  return rows
    .filter((row) => row.subject === subject)
    .flatMap(({ measuredAt, values }) => values.map(({ value }) => `${cut(measuredAt)} ${decimalToString(value)}`));
}

const toSecond = (at: string) => `${at}Z`;
const toMinute = (at: string) => `${at.slice(0, 16)}:00Z`;
const asLine = ({ effectiveDateTime, valueQuantity }: ReadObservation) =>
  `${effectiveDateTime} ${valueQuantity?.value}`;

const WHOLE = { duplicates: 0, lost: 0 };

describe.each([
  { file: 'heart-rate-fitbit.csv', readings: 5600, vital: MDC.heartRate, unit: '/min', cut: toSecond },
  { file: 'glucose-cgm-dexcom.csv', readings: 5425, vital: MDC.glucose, unit: 'mg/dL', cut: toMinute },
])('$file', ({ file, readings, vital, unit, cut }) => {
  it('is filed whole, comes back as it is, and is filed only once', async () => {
    const world = await openTestWorld();
    test = world;
    const recording = readRecording(file);
    const name = basename(file, '.csv');
    const first = await replay(world, recording, name);
    expect(first).toMatchObject({ readings, filed: readings, inLog: readings, again: 0, ...WHOLE });
    expect(recording.rows.length).toBe(readings);

    const people = await sessionsByName(world);
    const subjects = [...new Set(recording.rows.map(({ subject }) => subject))];
    expect(people.size).toBe(subjects.length);
    for (const subject of subjects) {
      const person = subject === null ? `Wearer of ${name} (HTEST)` : `Wearer ${subject} of ${name} (HTEST)`;
      const { id, session } = people.get(person)!;
      const query = `patient=${id}&code=${vital}&_count=500`;
      const expected = linesOf(recording, subject, cut);

      const { found, pages } = await searchAll(session, `${query}&_sort=date`);
      expect(pages).toBe(Math.ceil(expected.length / 500));
      expect(found.map(asLine)).toEqual(expected);
      expect(new Set(found.map((one) => one.id)).size).toBe(expected.length);
      expect(found.every(({ valueQuantity }) => valueQuantity?.code === unit)).toBe(true);
      expect(found.every(({ subject: { reference } }) => reference === `Patient/${id}`)).toBe(true);
      expect(found.every(({ meta }) => meta.security?.some(({ code }) => code === 'HTEST'))).toBe(true);

      // Newest first unless asked otherwise; where times are equal, any order of those is right.
      const newestFirst = await searchAll(session, query);
      expect(newestFirst.found.map((one) => one.effectiveDateTime)).toEqual(
        found.map((one) => one.effectiveDateTime).reverse(),
      );
      expect(newestFirst.found.map((one) => one.id).sort()).toEqual(found.map((one) => one.id).sort());

      // A day in the middle, its hours by both bounds, and one instant.
      const middle = expected[Math.floor(expected.length / 2)]!.split(' ')[0]!;
      const day = middle.slice(0, 10);
      const ofDay = expected.filter((line) => line.startsWith(day));
      const lines = async (dates: string) =>
        (await searchAll(session, `${query}&_sort=date&${dates}`)).found.map(asLine);
      expect(await lines(`date=${day}`)).toEqual(ofDay);
      expect(await lines(`date=ge${day}T06:00:00Z&date=lt${day}T18:00:00Z`)).toEqual(
        ofDay.filter((line) => line >= `${day}T06:00:00Z` && line < `${day}T18:00:00Z`),
      );
      expect(await lines(`date=${middle}`)).toEqual(expected.filter((line) => line.startsWith(middle)));
      expect(await lines(`date=gt${expected.at(-1)!.split(' ')[0]}`)).toEqual([]);
    }

    await world.stop();
    const again = await openTestWorld(world.directory);
    test = again;
    const second = await replay(again, recording, name);
    expect(second).toMatchObject({ readings, filed: readings, inLog: readings, again: readings, ...WHOLE });
    const { store } = again.service;
    const filed = store.patients
      .all()
      .flatMap((patient) => [...store.segments.readings(patient, vital, { sort: 'asc' })]);
    expect(filed.length).toBe(readings);
  });
});

describe('a recording in local time', () => {
  // Clocks go forward on 2016-03-27 at 02:00 and back on 2016-10-30 at 03:00.
  const CSV = `measuredAt,heart-rate [/min],body-temperature [Cel],glucose [mg/dL],oxygen-saturation [%]
2016-03-27T01:59:55,61,36.70,101,97
2016-03-27T03:00:05,62,,102,
2016-07-01T12:00:00,63,37.0,,98.5
2016-10-30T02:30:00,64,,103,
2016-10-30T03:10:20,65,35.05,104,
`;

  it('keeps the offset that the clock had, decimals and empty cells', async () => {
    const world = await openTestWorld();
    test = world;
    const recording = parseRecording(CSV);
    const result = await replay(world, recording, 'vienna', 'Europe/Vienna');
    expect(result).toMatchObject({ readings: 14, filed: 14, inLog: 14, ...WHOLE });
    const [{ id, session }] = [...(await sessionsByName(world)).values()] as [{ id: string; session: Session }];
    const read = async (vital: number) =>
      (await searchAll(session, `patient=${id}&code=${vital}&_sort=date`)).found.map(asLine);
    expect(await read(MDC.heartRate)).toEqual([
      '2016-03-27T01:59:55+01:00 61',
      '2016-03-27T03:00:05+02:00 62',
      '2016-07-01T12:00:00+02:00 63',
      '2016-10-30T02:30:00+02:00 64',
      '2016-10-30T03:10:20+01:00 65',
    ]);
    expect(await read(MDC.temperature)).toEqual([
      '2016-03-27T01:59:55+01:00 36.70',
      '2016-07-01T12:00:00+02:00 37.0',
      '2016-10-30T03:10:20+01:00 35.05',
    ]);
    expect(await read(MDC.glucose)).toEqual([
      '2016-03-27T01:59:00+01:00 101',
      '2016-03-27T03:00:00+02:00 102',
      '2016-10-30T02:30:00+02:00 103',
      '2016-10-30T03:10:00+01:00 104',
    ]);
    expect(await read(MDC.oxygenSaturation)).toEqual([
      '2016-03-27T01:59:55+01:00 97',
      '2016-07-01T12:00:00+02:00 98.5',
    ]);
  });
});
