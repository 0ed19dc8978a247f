/**
 * That a reading was corrected, as the service says it: one signed statement whoever found it out, committed to the log
 * (docs/format.md §9.5). Beside an old receipt it makes the verdict *superseded*, with who and why.
 */
import { decodeBase64Url, encodeBase64Url, equalBytes } from './bytes.ts';
import { CborFields, type CborValue, decodeCbor, encodeCbor } from './cbor.ts';
import type { CorrectionLeaf } from './correction-leaf.ts';
import { openSigned, readSigned, type Signer, signedId, signPayload, type Verify } from './cose.ts';
import { Fault } from './fault.ts';
import { thumbprint } from './keys.ts';
import { decodeLeaf } from './leaf.ts';
import { members, parseJson } from './strict-json.ts';
import type { Instant } from './time.ts';

export const SUPERSESSION_FORMAT = 'veravita/supersession@v1';

/** Who found it out. An agent says so with a leaf of a batch, a patient with a signature; a practitioner told the service. */
export const CORRECTORS = ['agent', 'patient', 'practitioner'] as const;
export type Corrector = (typeof CORRECTORS)[number];

export interface Supersession {
  /** Random, 32 octets: the statement's hash is public, and what it says would be guessed without. */
  readonly salt: Uint8Array;
  /** The correction's leaf, as it was signed. */
  readonly body: Uint8Array;
  readonly by: Corrector;
  /** The service's clock. */
  readonly at: Instant;
  /** By the patient: COSE_Sign1 over the body, and the key that signed it. */
  readonly evidence?: { readonly signed: Uint8Array; readonly publicKey: Uint8Array };
}

/** A statement with its proof, as it travels. */
export interface LoggedSupersession {
  readonly statement: Uint8Array;
  /** C2SP tlog-proof. */
  readonly logProof: string;
}

const VERSION = 1;

/** COSE_Sign1 by the patient over a correction. */
export function signCorrection(body: Uint8Array, patient: Signer): Uint8Array {
  return signPayload('correction', body, patient);
}

/** The correction's bytes, if the patient's signature holds. Throws `bad-signature`, `malformed`. */
export function openCorrection(signed: Uint8Array, publicKey: Uint8Array, verify: Verify): Uint8Array {
  return openSigned('correction', signed, publicKey, verify);
}

export function signSupersession({ salt, body, by, at, evidence }: Supersession, service: Signer): Uint8Array {
  const fields = new Map<number, CborValue>([
    [0, VERSION],
    [1, salt],
    [2, body],
    [3, CORRECTORS.indexOf(by)],
    [4, at],
  ]);
  if (evidence) fields.set(5, evidence.signed).set(6, evidence.publicKey);
  return signPayload('supersession', encodeCbor(fields), service);
}

export interface ReadSupersession extends Supersession {
  readonly correction: CorrectionLeaf;
  /** What is committed to the log under the label of supersessions. */
  readonly id: Uint8Array;
}

/** The statement of a COSE_Sign1; no signature is verified. Throws `malformed`, `not-canonical`, `version`. */
export function readSupersession(signed: Uint8Array): ReadSupersession {
  const { payload } = readSigned(signed);
  const fields = new CborFields(decodeCbor(payload));
  if (fields.uint(0) !== VERSION) throw new Fault('version', 'unknown version of a supersession');
  const [salt, body, by, at] = [fields.bytes(1, 32), fields.bytes(2), CORRECTORS[fields.uint(3)], fields.instant(4)];
  const evidence = fields.has(5) ? { signed: fields.bytes(5), publicKey: fields.bytes(6, 32) } : undefined;
  fields.end();
  if (by === undefined || (by === 'patient') !== (evidence !== undefined)) throw new Fault('malformed', 'by nobody');
  const correction = decodeLeaf(body);
  if (correction.kind !== 'correction') throw new Fault('malformed', 'not a correction');
  const id = signedId('supersession', payload);
  return { salt, body, by, at, correction, id, ...(evidence && { evidence }) };
}

/**
 * The same, after the service's signature held, and the patient's where she is said to have corrected. Throws
 * `bad-signature` besides.
 */
export function openSupersession(signed: Uint8Array, service: Uint8Array, verify: Verify): ReadSupersession {
  openSigned('supersession', signed, service, verify);
  const read = readSupersession(signed);
  const { evidence, body } = read;
  if (evidence && !equalBytes(openCorrection(evidence.signed, evidence.publicKey, verify), body)) {
    throw new Fault('bad-signature', 'the patient signed another correction');
  }
  return read;
}

/** True when the patient's first key signed, which is the subject's own; another of hers the service vouches for. */
export function isBySubject({ evidence, correction }: ReadSupersession): boolean {
  return evidence !== undefined && equalBytes(thumbprint(evidence.publicKey), correction.subject);
}

export function encodeSupersession({ statement, logProof }: LoggedSupersession): string {
  return `${JSON.stringify({ format: SUPERSESSION_FORMAT, statement: encodeBase64Url(statement), logProof }, null, 2)}\n`;
}

/** Throws `malformed`, `too-large`, and `version` for another format. Nothing is verified yet. */
export function decodeSupersession(text: string): LoggedSupersession {
  const json = members(parseJson(text), ['format', 'statement', 'logProof']);
  if (json.format !== SUPERSESSION_FORMAT) throw new Fault('version', 'not a supersession of this format');
  if (typeof json.statement !== 'string' || typeof json.logProof !== 'string') throw new Fault('malformed', 'not text');
  return { statement: decodeBase64Url(json.statement), logProof: json.logProof };
}
