/**
 * The erasure of one patient (docs/format.md §9.4): the order that starts it, by which a restored backup erases again, and
 * the certificate of what was verified to be gone. Neither says whose it was: to test a guess takes the subject itself.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { CborFields, type CborValue, decodeCbor, encodeCbor } from './cbor.ts';
import { openSigned, readSigned, type Signer, signedId, signPayload, type Verify } from './cose.ts';
import { DOMAINS } from './domains.ts';
import { Fault } from './fault.ts';
import type { Instant } from './time.ts';

/** Octets of an erasure's id: random, and told to nobody but who asked. */
export const ERASURE_ID_OCTETS = 16;

/** Who wanted it: the patient, with a signed event; or a legal order that an operator carried out. */
export const ERASURE_BASES = ['patient', 'order'] as const;
export type ErasureBasis = (typeof ERASURE_BASES)[number];

/** What was asked for. */
export interface ErasureOrder {
  /** {@link ERASURE_ID_OCTETS}. */
  readonly id: Uint8Array;
  /** {@link erasureMark}. */
  readonly mark: Uint8Array;
  readonly basis: ErasureBasis;
  /** Id of the patient's signed *erase* event, 32 octets; absent for a legal order. */
  readonly request?: Uint8Array;
  readonly at: Instant;
}

/** One store after the erasure: what was looked through, for how many things, and how many were found. */
export interface ErasureStatement {
  /** Token, such as `record` or `inbox`. */
  readonly store: string;
  /** In what `scanned` counts. */
  readonly unit: 'rows' | 'octets';
  readonly scanned: number;
  /** Distinct things that were looked for: wrapped keys, sealed content, handles, ids. */
  readonly sought: number;
  /** 0 when all of them are gone. */
  readonly found: number;
}

/** One agent beside the patient. */
export interface AgentErasure {
  /** {@link agentErasureMark}: tells who knows the agent's id that it is meant, and nobody else. */
  readonly agent: Uint8Array;
  /** When the agent said that it is done; absent while it is pending. */
  readonly confirmedAt?: Instant;
}

/** What the service signs of an erasure. A later one of the same id replaces it: `number` goes up. */
export interface ErasureCertificate extends Omit<ErasureOrder, 'mark'> {
  readonly number: number;
  /** When keys, salts and bodies were destroyed. */
  readonly erasedAt: Instant;
  readonly issuedAt: Instant;
  /** Segments of which a tombstone is left, and their leaves. */
  readonly segments: number;
  readonly leaves: number;
  readonly statements: readonly ErasureStatement[];
  readonly agents: readonly AgentErasure[];
}

/** The subject of an erasure for who knows the subject: SHA-256 over CBOR([label, erasure id, subject]). */
export function erasureMark(id: Uint8Array, subject: Uint8Array): Uint8Array {
  return sha256(encodeCbor([DOMAINS.erasure, id, subject]));
}

/** An agent of an erasure for who knows the agent: the same over its thumbprint and the word `agent`. */
export function agentErasureMark(id: Uint8Array, agent: Uint8Array): Uint8Array {
  return sha256(encodeCbor([DOMAINS.erasure, id, agent, 'agent']));
}

const ORDER = 1;
const CERTIFICATE = 2;
const MOST_ROWS = 1000;
const ITEMS = 16 * MOST_ROWS;

export function signErasureOrder(order: ErasureOrder, service: Signer): Uint8Array {
  const fields = orderFields(ORDER, order);
  fields.set(5, order.mark);
  return signPayload('erasure', encodeCbor(fields), service);
}

function orderFields(kind: number, { id, basis, request, at }: Omit<ErasureOrder, 'mark'>): Map<number, CborValue> {
  const fields = new Map<number, CborValue>([
    [0, kind],
    [1, id],
    [2, ERASURE_BASES.indexOf(basis)],
    [4, at],
  ]);
  if (request) fields.set(3, request);
  return fields;
}

function readOrder(kind: number, fields: CborFields): Omit<ErasureOrder, 'mark'> {
  if (fields.uint(0) !== kind) throw new Fault('malformed', 'another statement on an erasure');
  const id = fields.bytes(1, ERASURE_ID_OCTETS);
  const basis = ERASURE_BASES[fields.uint(2)];
  const request = fields.optional(3, (key) => fields.bytes(key, 32));
  if (basis === undefined || (basis === 'patient') !== (request !== undefined)) {
    throw new Fault('malformed', 'an erasure without its reason');
  }
  return { id, basis, ...(request && { request }), at: fields.instant(4) };
}

/** The order, if the service's signature holds. Throws `bad-signature`, `malformed`, `not-canonical`. */
export function openErasureOrder(signed: Uint8Array, service: Uint8Array, verify: Verify): ErasureOrder {
  const fields = new CborFields(decodeCbor(openSigned('erasure', signed, service, verify)));
  const order = { ...readOrder(ORDER, fields), mark: fields.bytes(5, 32) };
  fields.end();
  return order;
}

export function signErasureCertificate(certificate: ErasureCertificate, service: Signer): Uint8Array {
  const { number, erasedAt, issuedAt, segments, leaves, statements, agents } = certificate;
  const fields = orderFields(CERTIFICATE, certificate);
  fields.set(6, number).set(7, erasedAt).set(8, issuedAt).set(9, segments).set(10, leaves);
  fields.set(
    11,
    statements.map(({ store, unit, scanned, sought, found }) => [store, unit, scanned, sought, found]),
  );
  fields.set(
    12,
    agents.map(({ agent, confirmedAt }) => [agent, confirmedAt ?? null]),
  );
  const payload = encodeCbor(fields);
  decodeCertificate(payload);
  return signPayload('erasure', payload, service);
}

/** The certificate, if the service's signature holds. Throws `bad-signature`, `malformed`, `not-canonical`, `too-large`. */
export function openErasureCertificate(signed: Uint8Array, service: Uint8Array, verify: Verify): ErasureCertificate {
  return decodeCertificate(openSigned('erasure', signed, service, verify));
}

/** Certificate and id of a COSE_Sign1; the signature is not verified. */
export function readErasureCertificate(signed: Uint8Array): {
  readonly certificate: ErasureCertificate;
  /** What is committed to the log under the label of erasures. */
  readonly id: Uint8Array;
} {
  const { payload } = readSigned(signed);
  return { certificate: decodeCertificate(payload), id: signedId('erasure', payload) };
}

function decodeCertificate(payload: Uint8Array): ErasureCertificate {
  const fields = new CborFields(decodeCbor(payload, ITEMS));
  const certificate = {
    ...readOrder(CERTIFICATE, fields),
    number: fields.uint(6),
    erasedAt: fields.instant(7),
    issuedAt: fields.instant(8),
    segments: fields.uint(9),
    leaves: fields.uint(10),
    statements: rows(fields, 11, 5).map(readStatement),
    agents: rows(fields, 12, 2).map(readAgent),
  };
  fields.end();
  if (certificate.number < 1) throw new Fault('malformed', 'certificates are numbered from 1');
  if (certificate.statements.length === 0) throw new Fault('malformed', 'a certificate of nothing');
  return certificate;
}

/** Rows of an array as maps by position, so that their parts are read as fields are. */
function rows(fields: CborFields, key: number, length: number): CborFields[] {
  const list = fields.array(key);
  if (list.length > MOST_ROWS) throw new Fault('too-large', 'more rows than are read');
  return list.map((row) => {
    if (!Array.isArray(row) || row.length !== length) throw new Fault('malformed', 'not a row of a certificate');
    return new CborFields(new Map(row.map((part: CborValue, i) => [i, part])));
  });
}

function readStatement(row: CborFields): ErasureStatement {
  const [store, unit] = [row.text(0), row.text(1)];
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(store) || (unit !== 'rows' && unit !== 'octets')) {
    throw new Fault('malformed', 'not a statement of a certificate');
  }
  return { store, unit, scanned: row.uint(2), sought: row.uint(3), found: row.uint(4) };
}

function readAgent(row: CborFields): AgentErasure {
  const agent = row.bytes(0, 32);
  return row.any(1) === null ? { agent } : { agent, confirmedAt: row.instant(1) };
}
