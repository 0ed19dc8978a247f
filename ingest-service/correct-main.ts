/** `npm run correct`: amends or withdraws a reading, with the patient's key, on a data directory. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { parseReadingId } from '../protocol/batch.ts';
import { equalBytes } from '../protocol/bytes.ts';
import { CORRECTION_REASONS, type CorrectionLeaf } from '../protocol/correction-leaf.ts';
import { parseDecimal } from '../protocol/decimal.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import { Fault, isFault } from '../protocol/fault.ts';
import { decodeId, thumbprint } from '../protocol/keys.ts';
import { encodeLeaf, type ReadingLeaf } from '../protocol/leaf.ts';
import { decodePatientKey } from '../protocol/patient-key.ts';
import { parseVerifierKey } from '../protocol/signed-note.ts';
import { encodeSupersession, signCorrection } from '../protocol/supersession.ts';
import { vitalSignByMdc } from '../protocol/vital-signs.ts';
import { createCorrecting } from './correcting.ts';
import { openServiceKeys } from './keys.ts';
import { openLogReader } from './log-reader.ts';
import { openOperatorRecord } from './operator.ts';
import { supersessionOf } from './receipts.ts';
import type { RecordStore } from './record/record-sqlite.ts';
import { asReading } from './record/segments.ts';

const HELP = `Usage: npm run correct -- --data DIR --reading ID --key FILE --reason CODE (--withdraw | --value V | --measured-at T)

Amends or withdraws one reading. The reading stays as the gateway signed it; what takes its place is shown instead, and
says so. Works beside a running service and on the data of a stopped one.

  --data DIR        data directory
  --reading ID      the reading
  --key FILE        key file of its patient
  --reason CODE     ${CORRECTION_REASONS.join(', ')}
  --withdraw        it should never have been there
  --value V         the right value, in the unit of the reading; for a panel its parts, such as systolic=120,diastolic=80
  --measured-at T   the right time, such as 2026-03-01T08:00:00Z
  --out FILE        also writes the supersession, once it is in the log: given beside an old receipt to "npm run verify
                    -- --corrections FILE" it makes the verdict "superseded"
  --json            one JSON object
  --help            this text
`;

const OPTIONS = {
  data: { type: 'string' },
  reading: { type: 'string' },
  key: { type: 'string' },
  reason: { type: 'string' },
  withdraw: { type: 'boolean', default: false },
  value: { type: 'string' },
  'measured-at': { type: 'string' },
  out: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { data, place, keyFile, reason } = check(values);
  const store = openOperatorRecord(data);
  try {
    const signer = decodePatientKey(readFileSync(keyFile, 'utf8'));
    const print = thumbprint(signer.publicKey);
    const owner = store.patients.byId(store.segments.ownerOf(place.batch, place.index) ?? '');
    const isActive =
      owner && store.consents.state(owner).keys.some((key) => !key.revokedAt && equalBytes(key.thumbprint, print));
    const kept = isActive && store.segments.leaf(owner, place.batch, place.index);
    if (!owner || !kept || kept.leaf.kind !== 'reading')
      throw new Fault('not-found', 'there is no such reading of hers');
    const body = encodeLeaf(correctionOf(values, place, reason, kept.leaf));
    const service = openServiceKeys(join(data, 'keys', 'service'), false);
    const deps = { store, signer: service.signer, verify: verifyEd25519, clock: Date.now };
    createCorrecting(deps).byPatient(owner, signCorrection(body, signer), signer.publicKey);
    if (values.out !== undefined)
      writeFileSync(values.out, await waitForProof(data, store, asReading(place.batch, kept)));
    const said = { corrected: values.reading, act: values.withdraw ? 'withdraw' : 'amend', reason };
    process.stdout.write(values.json ? `${JSON.stringify(said)}\n` : 'Corrected, in effect now.\n');
    return 0;
  } finally {
    store.close();
  }
}

/** Says all that is wrong at once. */
function check(values: Values) {
  const { data, reading = '', key, reason } = values;
  const place = parseReadingId(reading);
  const known = CORRECTION_REASONS.find((code) => code === reason);
  const amends = values.value !== undefined || values['measured-at'] !== undefined;
  const problems = [
    ...(data === undefined ? ['--data names the data directory'] : []),
    ...(place ? [] : ['--reading is the id of a reading']),
    ...(key === undefined || !existsSync(key) ? ["--key is the patient's key file"] : []),
    ...(known ? [] : [`--reason is one of ${CORRECTION_REASONS.join(', ')}`]),
    ...(amends === values.withdraw ? ['say --withdraw, or what takes its place with --value or --measured-at'] : []),
  ];
  if (problems.length > 0) throw new Error(`${problems.join('; ')}; --help tells more`);
  return { data: resolve(data!), place: place!, keyFile: key!, reason: known! };
}

function correctionOf(
  values: Values,
  { batch, index }: { readonly batch: string; readonly index: number },
  reason: CorrectionLeaf['reason'],
  { subject, device, test, components }: ReadingLeaf,
): CorrectionLeaf {
  const { value, 'measured-at': time } = values;
  const measuredAt = time === undefined ? undefined : Date.parse(time);
  if (Number.isNaN(measuredAt)) throw new Error('--measured-at is a time such as 2026-03-01T08:00:00Z');
  return {
    kind: 'correction',
    ...{ subject, device, test, index, reason },
    batch: decodeId(batch),
    act: values.withdraw ? 'withdraw' : 'amend',
    correctedAt: Date.now(),
    ...(value !== undefined &&
      (components ? { components: partsOf(value, components) } : { value: parseDecimal(value) })),
    ...(measuredAt !== undefined && { measuredAt }),
  };
}

function partsOf(text: string, components: NonNullable<ReadingLeaf['components']>) {
  const given = new Map(text.split(',').map((part) => part.split('=') as [string, string | undefined]));
  return components.map(({ vital }) => {
    const name = vitalSignByMdc(vital)?.name ?? String(vital);
    const number = given.get(name) ?? given.get(name.split('-')[0]!); // systolic-pressure, or systolic
    if (number === undefined) throw new Error(`--value has no part ${name}`);
    return { vital, value: parseDecimal(number) };
  });
}

const PROOF_WAIT_MS = 30_000;

/** The service hands commitments to the log; it has to run. */
async function waitForProof(data: string, store: RecordStore, reading: ReturnType<typeof asReading>): Promise<string> {
  const logKey = parseVerifierKey(readFileSync(join(data, 'keys', 'log', 'log.vkey'), 'utf8').trim());
  const sources = { store, readLog: openLogReader(join(data, 'log')), logKey };
  for (const until = Date.now() + PROOF_WAIT_MS; ; await pause(250)) {
    try {
      return encodeSupersession(await supersessionOf(sources, reading));
    } catch (error) {
      if (!isFault(error, 'missing')) throw error;
      if (Date.now() > until) throw new Error('corrected, but not in the log yet: does the service run?');
    }
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`correct: ${isFault(error) || error instanceof Error ? error.message : 'failed'}\n`);
    process.exitCode = 2;
  },
);
