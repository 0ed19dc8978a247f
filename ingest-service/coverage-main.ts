/** `npm run coverage`: a certificate of coverage for a patient's devices, with the patient's key, from a data directory. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { decodeHex, encodeHex } from '../protocol/bytes.ts';
import { MAX_CERTIFICATE_OCTETS, signCertificate } from '../protocol/coverage-certificate.ts';
import { plainCoverage, renderCoverage } from '../protocol/coverage-words.ts';
import { isFault } from '../protocol/fault.ts';
import { deviceHandle } from '../protocol/keys.ts';
import type { Instant } from '../protocol/time.ts';
import { verifyCoverage } from '../protocol/verify-coverage.ts';
import { openAgentLine } from './agent-line.ts';
import { coverageOf } from './coverage.ts';
import { openPatientDesk, type PatientDesk } from './patient-desk.ts';
import type { Patient } from './record/patients.ts';
import { createSight } from './sight.ts';

const HELP = `Usage: npm run coverage -- --data DIR [options]

Says of every instant of an interval what is known of a patient's devices, and why a value may be missing; checks it
like a stranger would; and notes in the patient's list that it did. Green: everything holds and nothing is unknown.
Works beside a running service and on the data of a stopped one.

  --data DIR      data directory
  --patient ID    patient in this record; needed where DIR has keys of several and one certificate is wanted
  --device D      one device: its Bluetooth address, or its handle (32 hex digits)
  --from A        beginning, RFC 3339 such as 2026-03-01T08:00:00Z (default: a day before the end)
  --to B          end, not included (default: up to where agents have attested and the log has it)
  --key FILE      key file of the patient; without it every key in DIR/keys/patients acts for its own
  --out FILE      writes the certificate (.cbor), for "npm run verify -- FILE --trust trust.json"
  --json          one line of JSON for each patient
  --help          this text

Exit code: 0 green, 1 red, 2 it could not be made.
`;

const DAY_MS = 86_400_000;
/** An agent that attested nothing for so long is not waited for when the end of the interval is chosen. */
const GONE_MS = 600_000;

interface Job {
  readonly data: string;
  readonly patient: string | undefined;
  readonly device: string | undefined;
  readonly from: Instant | undefined;
  readonly to: Instant | undefined;
  readonly key: string | undefined;
  readonly out: string | undefined;
  readonly json: boolean;
}

function readJob(): Job | undefined {
  const { values } = parseArgs({
    options: {
      data: { type: 'string' },
      patient: { type: 'string' },
      device: { type: 'string' },
      from: { type: 'string' },
      to: { type: 'string' },
      key: { type: 'string' },
      out: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { data, patient, device, key, out, json } = values;
  const problems: string[] = [];
  const instant = (name: 'from' | 'to'): Instant | undefined => {
    const text = values[name];
    if (text === undefined) return undefined;
    const at = RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
    if (Number.isNaN(at) || at < 0) problems.push(`--${name} is an instant such as 2026-03-01T08:00:00Z`);
    return at;
  };
  const [from, to] = [instant('from'), instant('to')];
  if (data === undefined) problems.push('--data names the data directory');
  if (from !== undefined && to !== undefined && from >= to) problems.push('--to is after --from');
  if (device !== undefined && !HANDLE.test(device) && !ADDRESS.test(device)) {
    problems.push('--device is a Bluetooth address or a handle of 32 hex digits');
  }
  if (problems.length > 0) throw new Error(`${problems.join('; ')}; --help tells more`);
  return { data: data!, patient, device, from, to, key, out, json };
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?(?:Z|[+-]\d{2}:\d{2})$/;
const HANDLE = /^[\da-f]{32}$/i;
const ADDRESS = /^[\da-f]{2}(?::[\da-f]{2}){5}$/i;

async function main(): Promise<number> {
  const job = readJob();
  if (!job) {
    process.stdout.write(HELP);
    return 0;
  }
  const desk = await openPatientDesk(job.data, job.key);
  try {
    const patients = desk.patients.filter(({ id }) => job.patient === undefined || id === job.patient);
    if (patients.length === 0) throw new Error('no key here is that of this patient');
    if (job.out !== undefined && patients.length > 1)
      throw new Error('--out needs one patient: name one with --patient');
    let worst = 0;
    for (const patient of patients) worst = Math.max(worst, await certify(desk, patient, job));
    return worst;
  } finally {
    desk.close();
  }
}

/** Exit code for this patient. */
async function certify(desk: PatientDesk, patient: Patient, job: Job): Promise<number> {
  const to = job.to ?? attestedUntil(desk, patient) ?? Date.now();
  const from = job.from ?? Math.max(0, to - DAY_MS);
  if (from >= to) throw new Error('nothing is attested after --from');
  const device = job.device === undefined ? undefined : handleOf(desk, patient, job.device);
  // Noted before anything is shown.
  const who = { role: 'patient', patient: patient.id } as const;
  createSight(desk.store, Date.now).note(who, patient, 'coverage', [], 0, ['own']);
  const certificate = await coverageOf(desk, { patient, from, to, ...(device && { device }) }, Date.now());
  const signed = signCertificate(certificate, desk.signer);
  if (signed.length > MAX_CERTIFICATE_OCTETS) throw new Error('the certificate would be too long: ask for less time');
  if (job.out !== undefined) writeFileSync(job.out, signed);
  const verdict = verifyCoverage(signed, desk.trust);
  if (job.json) process.stdout.write(`${JSON.stringify({ patient: patient.id, ...plainCoverage(verdict) })}\n`);
  else process.stdout.write(`Patient ${patient.id}\n${renderCoverage(verdict, true)}\n`);
  return verdict.verdict === 'green' ? 0 : 1;
}

/** Up to where all agents that are not gone have spoken of the patient and the log has it. */
function attestedUntil({ store }: PatientDesk, patient: Patient): Instant | undefined {
  const ends = store.agents.agentsOf(patient.id).flatMap((agent) => {
    const line = openAgentLine(store, agent);
    for (const sequence of line.spokenBefore(patient, line.loggedUpTo() + 1)) {
      const stored = line.firstFrom(sequence);
      const ends = (stored ? store.segments.coverageIn(patient, stored.id) : []).flatMap(({ leaf }) =>
        leaf.kind === 'coverage' && leaf.to > leaf.from ? [leaf.to] : [],
      );
      if (ends.length > 0) return Math.max(...ends);
    }
    return [];
  });
  const latest = Math.max(...ends);
  return ends.length === 0 ? undefined : Math.min(...ends.filter((end) => end >= latest - GONE_MS));
}

/** An address is public or random: the one of which the record knows something. */
function handleOf({ store }: PatientDesk, patient: Patient, text: string): Uint8Array {
  if (HANDLE.test(text)) return decodeHex(text.toLowerCase());
  const address = text.toLowerCase();
  const handles = (['random', 'public'] as const).map((type) => deviceHandle(patient.subject, type, address));
  const known = new Set(store.latest.devices(patient.id).map(({ handle }) => encodeHex(handle)));
  return handles.find((handle) => known.has(encodeHex(handle))) ?? handles[0]!;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`coverage: ${isFault(error) || error instanceof Error ? error.message : 'failed'}\n`);
    process.exitCode = 2;
  },
);
