/** `npm run receipt`: receipts for a patient's readings, with the patient's key, from a data directory. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseReadingId } from '../protocol/batch.ts';
import { Fault, isFault } from '../protocol/fault.ts';
import { encodeReceipt } from '../protocol/receipt.ts';
import type { Instant } from '../protocol/time.ts';
import { openPatientDesk } from './patient-desk.ts';
import { type ReceiptSources, receiptFor } from './receipts.ts';
import type { Patient } from './record/patients.ts';
import type { RecordStore } from './record/record-sqlite.ts';
import { searchReadings } from './record/search.ts';
import type { FiledReading } from './record/segments.ts';
import { createSight } from './sight.ts';

const HELP = `Usage: npm run receipt -- --data DIR [options]

Writes receipts for readings, one JSON object a line, and notes in the patient's list that it did.
Works beside a running service and on the data of a stopped one.

  --data DIR       data directory
  --reading ID     this reading
  --last N         the N newest readings (default 1)
  --key FILE       key file of the patient; without it every key in DIR/keys/patients acts for its own
  --out DIR        one file for each receipt instead of standard output
  --help           this text

It also writes DIR/trust.json with the public keys of the log and the service, and the contracts in
which the log is anchored; blocks of those chains that you know are yours to add. Whoever checks a
receipt should have those from somebody else than the party that is being checked.
`;

interface Job {
  readonly data: string;
  readonly reading?: string;
  readonly last: number;
  readonly key?: string;
  readonly out?: string;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      data: { type: 'string' },
      reading: { type: 'string' },
      last: { type: 'string' },
      key: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { data, reading, key, out } = values;
  if (data === undefined) throw new Error('--data names the data directory; --help tells more');
  if (reading !== undefined && values.last !== undefined) throw new Error('--reading and --last exclude each other');
  const last = values.last ?? '1';
  if (!/^[1-9]\d{0,5}$/.test(last)) throw new Error('--last is a number from 1 to 999999');
  await run({
    data,
    last: Number(last),
    ...(key !== undefined && { key }),
    ...(reading !== undefined && { reading }),
    ...(out !== undefined && { out }),
  });
  return 0;
}

async function run({ data, reading, last, key, out }: Job): Promise<void> {
  const desk = await openPatientDesk(data, key, reading);
  try {
    const { store, patients, trustFile } = desk;
    const chosen = choose(store, patients, reading, last);
    if (chosen.length === 0) throw new Fault('not-found', 'there is no such reading');
    await write(desk, chosen, out);
    process.stderr.write(
      `${chosen.length} receipt${chosen.length === 1 ? '' : 's'}. ${trustFile} names whom to trust; ` +
        'a stranger should get that from somebody else than the party being checked.\n',
    );
  } finally {
    desk.close();
  }
}

/** Chosen among the patients' own readings, then decided and noted like any other way out: once for each patient. */
function choose(store: RecordStore, patients: readonly Patient[], reading: string | undefined, last: number) {
  const candidates =
    reading === undefined
      ? patients.flatMap((patient) => newest(store, patient, last).map((found) => ({ patient, ...found })))
      : patients
          .filter((patient) => isOwn(store, patient, reading))
          .map((patient) => ({ patient, id: reading, at: 0 }));
  const chosen = candidates.sort((a, b) => b.at - a.at).slice(0, last);
  const sight = createSight(store, Date.now);
  return [...new Set(chosen.map(({ patient }) => patient))].flatMap((patient) => {
    const ids = chosen.filter((one) => one.patient === patient).map(({ id }) => id);
    const who = { role: 'patient', patient: patient.id } as const;
    const request = { patient: patient.id, vitals: [], ids, sort: 'desc', count: ids.length } as const;
    return sight.search(who, request, 'receipt').readings;
  });
}

function isOwn(store: RecordStore, patient: Patient, reading: string): boolean {
  const place = parseReadingId(reading);
  return place !== undefined && store.segments.ownerOf(place.batch, place.index) === patient.id;
}

/** Newest readings that a signed checkpoint covers: for others there is no receipt yet. */
function newest(store: RecordStore, patient: Patient, count: number): { id: string; at: Instant }[] {
  const found: { id: string; at: Instant }[] = [];
  const vitals = store.segments.vitalsOf(patient).map((vital) => ({ vital }));
  for (const { id, batch, leaf } of searchReadings(store, patient, vitals, 'desc')) {
    if (store.batches.logIndex(batch) === undefined) continue;
    found.push({ id, at: leaf.measuredAt });
    if (found.length === count) break;
  }
  return found;
}

async function write(sources: ReceiptSources, readings: readonly FiledReading[], out?: string): Promise<void> {
  if (out !== undefined) mkdirSync(out, { recursive: true });
  for (const reading of readings) {
    const text = encodeReceipt(await receiptFor(sources, reading));
    if (out === undefined) process.stdout.write(`${JSON.stringify(JSON.parse(text))}\n`);
    else writeFileSync(join(out, `receipt-${reading.id}.json`), text);
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`receipt: ${isFault(error) || error instanceof Error ? error.message : 'failed'}\n`);
    process.exitCode = 2;
  },
);
