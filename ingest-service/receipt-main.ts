/** `npm run receipt`: receipts for a patient's readings, with the patient's key, from a data directory. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseReadingId } from '../protocol/batch.ts';
import { Fault, isFault } from '../protocol/fault.ts';
import type { Receipt } from '../protocol/receipt.ts';
import { encodeReceipt } from '../protocol/receipt.ts';
import { codeOfReceipt } from '../protocol/receipt-code.ts';
import { encodeReceiptLines } from '../protocol/receipt-file.ts';
import { packReceipts } from '../protocol/receipt-pack.ts';
import type { Instant } from '../protocol/time.ts';
import { openPatientDesk } from './patient-desk.ts';
import {
  RECEIPT_HELP,
  type ReceiptChoice,
  type ReceiptForm,
  type ReceiptJob,
  readReceiptJob,
} from './receipt-config.ts';
import { drawReceiptCode } from './receipt-qr.ts';
import { receiptsFor } from './receipts.ts';
import type { Patient } from './record/patients.ts';
import type { RecordStore } from './record/record-sqlite.ts';
import { searchReadings } from './record/search.ts';
import type { FiledReading } from './record/segments.ts';
import { createSight } from './sight.ts';

/** Receipts after which the progress is told. */
const TELL_EVERY = 10_000;

async function main(): Promise<number> {
  const job = readReceiptJob(process.argv.slice(2));
  if (!job) {
    process.stdout.write(RECEIPT_HELP);
    return 0;
  }
  const desk = await openPatientDesk(job.data, job.key);
  try {
    const readings = choose(desk.store, desk.patients, job);
    if (readings.length === 0) throw new Fault('not-found', 'there is no such reading in a signed checkpoint');
    const receipts: Receipt[] = [];
    for await (const receipt of receiptsFor(desk, readings)) {
      receipts.push(receipt);
      if (receipts.length % TELL_EVERY === 0) process.stderr.write(`${receipts.length} of ${readings.length} ...\n`);
    }
    write(job.form, receipts, readings, job.out);
    process.stderr.write(
      `${receipts.length} receipt${receipts.length === 1 ? '' : 's'}. ${desk.trustFile} names whom to trust; ` +
        'a stranger should get that from somebody else than the party being checked.\n',
    );
  } finally {
    desk.close();
  }
  return 0;
}

/** Chosen among the patients' own readings, then decided and noted like any other way out: once for each patient. */
function choose(store: RecordStore, patients: readonly Patient[], { choice, vitals }: ReceiptJob): FiledReading[] {
  const sight = createSight(store, Date.now);
  const codes = vitals.map(({ mdc }) => mdc);
  const isLogged = ({ batch }: FiledReading) => store.batches.logIndex(batch) !== undefined;
  if (choice.kind === 'interval') {
    const { from, to } = choice;
    return patients.flatMap((patient) => {
      const who = { role: 'patient', patient: patient.id } as const;
      const request = {
        patient: patient.id,
        vitals: codes,
        from,
        to,
        sort: 'asc',
        count: Number.MAX_SAFE_INTEGER,
      } as const;
      return sight.search(who, request, 'receipt').readings.filter(isLogged);
    });
  }
  const limit = choice.kind === 'last' ? choice.count : 1;
  const candidates = patients.flatMap((patient) =>
    idsOf(store, patient, choice, codes).map((found) => ({ patient, ...found })),
  );
  const chosen = candidates.sort((a, b) => b.at - a.at).slice(0, limit);
  return [...new Set(chosen.map(({ patient }) => patient))].flatMap((patient) => {
    const ids = chosen.filter((one) => one.patient === patient).map(({ id }) => id);
    const who = { role: 'patient', patient: patient.id } as const;
    const request = { patient: patient.id, vitals: [], ids, sort: 'desc', count: ids.length } as const;
    return sight.search(who, request, 'receipt').readings;
  });
}

/** The newest readings that a signed checkpoint covers, for others there is no receipt yet; or the one that is named. */
function idsOf(
  store: RecordStore,
  patient: Patient,
  choice: Exclude<ReceiptChoice, { kind: 'interval' }>,
  codes: readonly number[],
): { id: string; at: Instant }[] {
  if (choice.kind === 'reading') {
    const place = parseReadingId(choice.id);
    const isOwn = place !== undefined && store.segments.ownerOf(place.batch, place.index) === patient.id;
    return isOwn ? [{ id: choice.id, at: 0 }] : [];
  }
  const found: { id: string; at: Instant }[] = [];
  const vitals = (codes.length > 0 ? codes : store.segments.vitalsOf(patient)).map((vital) => ({ vital }));
  for (const { id, batch, leaf } of searchReadings(store, patient, vitals, 'desc')) {
    if (store.batches.logIndex(batch) === undefined) continue;
    found.push({ id, at: leaf.measuredAt });
    if (found.length === choice.count) break;
  }
  return found;
}

function write(form: ReceiptForm, receipts: readonly Receipt[], readings: readonly FiledReading[], out?: string): void {
  switch (form) {
    case 'json':
      if (out === undefined) {
        process.stdout.write(encodeReceiptLines(receipts));
        return;
      }
      mkdirSync(out, { recursive: true });
      for (const [i, receipt] of receipts.entries()) {
        writeFileSync(join(out, `receipt-${readings[i]!.id}.json`), encodeReceipt(receipt));
      }
      return;
    case 'cbor':
      writeOut(out, packReceipts(receipts));
      return;
    case 'qr': {
      if (receipts.length > 1) throw new Error('a QR code holds one reading: choose one with --reading or --last 1');
      const code = codeOfReceipt(receipts[0]!);
      if (code === undefined) throw new Error('the receipt does not fit into a QR code: use --as cbor');
      writeOut(out, drawReceiptCode(code));
    }
  }
}

function writeOut(out: string | undefined, content: string | Uint8Array): void {
  if (out === undefined) process.stdout.write(content);
  else writeFileSync(out, content);
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
