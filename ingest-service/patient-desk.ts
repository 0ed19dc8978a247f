/** For commands in which a patient's key acts on a data directory, beside a running service or on that of a stopped one. */
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { equalBytes } from '../protocol/bytes.ts';
import type { ConsentKey } from '../protocol/consent-chain.ts';
import type { Signer } from '../protocol/cose.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import { Fault } from '../protocol/fault.ts';
import { thumbprint } from '../protocol/keys.ts';
import { decodePatientKey } from '../protocol/patient-key.ts';
import { parseVerifierKey } from '../protocol/signed-note.ts';
import { encodeTrust, type Trust } from '../protocol/trust.ts';
import { readEvidence } from './anchors.ts';
import { openServiceKeys } from './keys.ts';
import { openLogReader } from './log-reader.ts';
import type { ReceiptSources } from './receipts.ts';
import type { Patient } from './record/patients.ts';
import { openRecordSqlite, type RecordStore } from './record/record-sqlite.ts';

export interface PatientDesk extends ReceiptSources {
  /** Whose keys are here. */
  readonly patients: readonly Patient[];
  readonly trust: Trust;
  /** The service's. */
  readonly signer: Signer;
  /** Where {@link trust} was written. */
  readonly trustFile: string;
  close(): void;
}

/**
 * `key`: one key file; without it every key in DIR/keys/patients acts for its own. Writes DIR/trust.json. Throws an Error
 * for what is not there, `not-permitted` when no key is a patient's, and `erased` when it was that of one.
 */
export async function openPatientDesk(data: string, key: string | undefined): Promise<PatientDesk> {
  const root = resolve(data);
  const path = join(root, 'service', 'record.sqlite');
  if (!existsSync(path)) throw new Error(`there is no record in ${data}`);
  const keyFiles = key === undefined ? keyFilesIn(join(root, 'keys', 'patients')) : [key];
  const { keyEncryptionKey, signer } = openServiceKeys(join(root, 'keys', 'service'), false);
  const logKey = parseVerifierKey(readFileSync(join(root, 'keys', 'log', 'log.vkey'), 'utf8').trim());
  const store = openRecordSqlite({ path, keyEncryptionKey, verify: verifyEd25519 });
  try {
    const signers = keyFiles.map((file) => decodePatientKey(readFileSync(file, 'utf8')));
    const patients = signers.flatMap((one) => identify(store, one));
    if (patients.length === 0) throw refusal(store, signers);
    const readLog = openLogReader(join(root, 'log'));
    const chains = (await readEvidence(readLog)).map(({ chainId, contract }) => ({ chainId, contract, blocks: [] }));
    const trust = { log: logKey, service: signer.publicKey, ...(chains.length > 0 && { chains }) };
    const trustFile = join(root, 'trust.json');
    // In one step: half of a trust file would trust nobody.
    writeFileSync(`${trustFile}.new`, encodeTrust(trust));
    renameSync(`${trustFile}.new`, trustFile);
    return { store, readLog, logKey, patients, trust, signer, trustFile, close: () => store.close() };
  } catch (error) {
    store.close();
    throw error;
  }
}

function refusal(store: RecordStore, signers: readonly Signer[]): Fault {
  if (signers.some(({ publicKey }) => store.erasures.isErased(thumbprint(publicKey)))) {
    return new Fault(
      'erased',
      'erased: the record was destroyed at the wish of its patient; the certificate says what is gone',
    );
  }
  return new Fault('not-permitted', 'no key here is that of a patient in this record');
}

function keyFilesIn(folder: string): string[] {
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];
  if (files.length === 0) throw new Error(`there is no patient's key in ${folder}; name one with --key`);
  return files.map((name) => join(folder, name));
}

/** The patients whose active key this is; one, or none. */
function identify(store: RecordStore, { publicKey }: Signer): Patient[] {
  const print = thumbprint(publicKey);
  const isActive = (key: ConsentKey) => key.revokedAt === undefined && equalBytes(key.thumbprint, print);
  return store.patients.all().filter((patient) => store.consents.state(patient).keys.some(isActive));
}
