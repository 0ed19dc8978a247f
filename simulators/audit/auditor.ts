/**
 * One oracle for every test and every operator: the truth, the agents, the record through its public API, and the log,
 * reconciled. It shares no decision with agent, service or writer; what all agree on byte for byte is `protocol/`.
 */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { decodeHex } from '../../protocol/bytes.ts';
import { createSigner, type Signer, type Verify } from '../../protocol/cose.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { isFault } from '../../protocol/fault.ts';
import { readPatientKey } from '../keyring.ts';
import { agentFolders, readAgentState } from './agent-state.ts';
import { CHECKS, Check, type CheckName, type CheckResult } from './check.ts';
import { checkConsent } from './check-consent.ts';
import { checkDisclosures } from './check-disclosures.ts';
import { checkPersonal } from './check-personal.ts';
import { checkAnchors, checkOrder, checkReceipts } from './check-proofs.ts';
import { checkReadings } from './check-readings.ts';
import { type PatientRecord, readPatientRecord } from './patient-record.ts';
import { readPublicLog } from './public-log.ts';
import { startService } from './running-service.ts';
import { readTruth } from './truth.ts';

export interface AuditSettings {
  readonly data: string;
  /** URL of a service that runs on the data directory; else one is started for as long as it takes. */
  readonly service?: string;
  readonly truth?: string;
  /** Zone of a recording's times. */
  readonly zone: string;
  /** Key files of patients; none: all of DATA/keys/patients. */
  readonly keys: readonly string[];
  /** State folders of agents beside those of DATA/agents. */
  readonly agents: readonly string[];
  /** Files and folders in which nothing personal may be, beside the data directory. */
  readonly logs: readonly string[];
}

export interface AuditReport {
  /** `clean`: nothing is wrong; `wrong`: something is; `open`: nothing is, but not everything can be told yet. */
  readonly verdict: 'clean' | 'wrong' | 'open';
  readonly patients: number;
  readonly readings: number;
  readonly checks: readonly CheckResult[];
}

/** Where the auditor remembers checkpoints from one audit to the next, below the data directory. */
const SEEN = join('audit', 'checkpoints.ndjson');

/** Throws when there is no record to audit, or no service over it. */
export async function audit(settings: AuditSettings, progress: (line: string) => void): Promise<AuditReport> {
  const { data } = settings;
  const checks = Object.fromEntries(CHECKS.map((name) => [name, new Check(name)])) as Record<CheckName, Check>;
  const truth = settings.truth === undefined ? undefined : readTruth(settings.truth, settings.zone);
  const signers = keyFiles(settings).map((path) => ({
    slug: basename(path, '.json'),
    path,
    signer: readPatientKey(path),
  }));
  if (signers.length === 0) throw new Error('there is no key of a patient; name one with --key');
  const verify = remembered(verifyEd25519);
  const agents = [...agentFolders(data), ...settings.agents].map((folder) => readAgentState(folder, checks['no loss']));

  const running = settings.service === undefined ? await startService(data) : undefined;
  const url = settings.service ?? running!.url;
  const records: PatientRecord[] = [];
  let log: Awaited<ReturnType<typeof readPublicLog>>;
  try {
    const seen = readSeen(data);
    log = await readPublicLog(data, seen, checks['log consistent']);
    if (log && !seen.includes(log.note)) rememberSeen(data, log.note);
    const refused = running?.writerRefused();
    if (refused !== undefined) checks['log consistent'].wrong(`the ledger writer refuses this log: ${refused}`);
    if (log) {
      const trust = { log: log.key, service: servicePublicKey(data) };
      for (const { slug, signer } of signers) {
        const record = await readRecord(slug, signer);
        if (record) records.push(record);
        async function readRecord(slug: string, signer: Signer): Promise<PatientRecord | undefined> {
          try {
            const onProgress = (count: number) => count % 500 === 0 && progress(`${slug}: ${count} receipts`);
            return await readPatientRecord({ url, slug, signer, trust, verify, onProgress });
          } catch (error) {
            if (!isFault(error)) throw error;
            // The key of somebody who is in another record is nothing wrong.
            if (error.code !== 'not-permitted' || truth?.patients.includes(slug)) {
              checks['no loss'].wrong(`a record cannot be read: ${error.code}`);
            }
            return undefined;
          }
        }
      }
      // Once more: what was filed while the audit read stands in a newer checkpoint.
      log = (await readPublicLog(data, [log.note], new Check('log consistent'))) ?? log;
    }
    progress(`${records.reduce((sum, { readings }) => sum + readings.length, 0)} readings read, comparing`);
  } finally {
    await running?.stop();
  }
  const { 'no loss': loss, 'no duplicate': duplicate, 'nothing invented': invented } = checks;
  checkReadings({ loss, duplicate, invented }, records, agents, truth, log);
  checkAnchors(checks['anchored once'], records, agents, log);
  checkConsent(checks['consent in force'], records, log, verify);
  checkReceipts(checks['receipts true'], records, log);
  checkOrder(checks['order kept'], records, log);
  checkDisclosures(checks['disclosures complete'], records);
  const secrets = signers.map(({ path }) => secretIn(path));
  checkPersonal(checks['nothing personal'], { data, logs: settings.logs, records, truth, secrets });
  const results = CHECKS.map((name) => checks[name].result());
  const has = (outcome: CheckResult['outcome']) => results.some((one) => one.outcome === outcome);
  return {
    verdict: has('fails') ? 'wrong' : has('unknown') ? 'open' : 'clean',
    patients: records.length,
    readings: records.reduce((sum, { readings }) => sum + readings.length, 0),
    checks: results,
  };
}

function keyFiles({ data, keys }: AuditSettings): string[] {
  if (keys.length > 0) return [...keys];
  const folder = join(data, 'keys', 'patients');
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];
  return files.map((name) => join(folder, name));
}

function secretIn(path: string): Uint8Array {
  return decodeHex(/\b[0-9a-f]{64}\b/.exec(readFileSync(path, 'utf8'))?.[0] ?? '');
}

/** The operator's own data directory says whose service it is; a stranger has it from somebody else. */
function servicePublicKey(data: string): Uint8Array {
  const seed = decodeHex(readFileSync(join(data, 'keys', 'service', 'service.key'), 'utf8').trim());
  return createSigner(seed).publicKey;
}

/** Headers, enrolments and checkpoints are the same in many receipts. */
function remembered(verify: Verify): Verify {
  const known = new Map<string, boolean>();
  return (publicKey, message, signature) => {
    const key = [publicKey, message, signature].map((part) => Buffer.from(part).toString('base64')).join(' ');
    const held = known.get(key) ?? verify(publicKey, message, signature);
    known.set(key, held);
    return held;
  };
}

function readSeen(data: string): string[] {
  const path = join(data, SEEN);
  if (!existsSync(path)) return [];
  const text = readFileSync(path, 'utf8');
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as string]));
}

function rememberSeen(data: string, note: string): void {
  mkdirSync(join(data, 'audit'), { recursive: true, mode: 0o700 });
  appendFileSync(join(data, SEEN), `${JSON.stringify(note)}\n`, { flush: true });
}
