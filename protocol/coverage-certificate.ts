/**
 * What is known of a patient's devices at every instant of an interval, with all that a stranger needs to check that
 * nothing is left out (docs/format.md §8.3): the unbroken chains of signed batch headers, their place in the log, and
 * every coverage leaf of the patient in them. Deterministic CBOR in a COSE_Sign1 of the service.
 */
import { CborFields, type CborValue, decodeCbor, encodeCbor } from './cbor.ts';
import { openSigned, readSigned, type Signer, signPayload, type Verify } from './cose.ts';
import { Fault } from './fault.ts';
import { COVERAGE_STATES } from './leaf.ts';
import type { Instant } from './time.ts';

/** Longest certificate that is read. */
export const MAX_CERTIFICATE_OCTETS = 32 * 1024 * 1024;

/**
 * Beside what an agent attests: `revoked`: its key was, and what it says does not count; `not-paired`: no agent that is shown spoke for the device; `unknown`: nobody says, or what is said is not proven.
 */
export const CERTIFIED_STATES = [...COVERAGE_STATES, 'revoked', 'not-paired', 'unknown'] as const;
export type CertifiedState = (typeof CERTIFIED_STATES)[number];

export interface CoverageCertificate {
  /** Thumbprint of the patient's first key. */
  readonly subject: Uint8Array;
  readonly from: Instant;
  /** Not included. */
  readonly to: Instant;
  /** Handle, where only one device is asked about. */
  readonly device?: Uint8Array;
  readonly issuedAt: Instant;
  /** Signed note of the log. */
  readonly checkpoint: string;
  /** That all batches and key events with a log index are in it (merkle-many.ts). */
  readonly proof: readonly Uint8Array[];
  readonly agents: readonly CertifiedAgent[];
  readonly devices: readonly CertifiedDevice[];
}

export interface CertifiedAgent {
  /** COSE_Sign1 by the service. */
  readonly enrolment: Uint8Array;
  /** By sequence, from one before the interval or the agent's first. */
  readonly batches: readonly CertifiedBatch[];
  /** Sequence of a batch that was asked for and has not come, while later ones wait. */
  readonly awaited?: number;
  /** What became of its keys: rotations, from the enrolled key on, in order; then revocations; then admissions of batches. */
  readonly keyEvents: readonly CertifiedKeyEvent[];
}

export interface CertifiedKeyEvent {
  /** COSE_Sign1 by the service (key-event.ts). */
  readonly event: Uint8Array;
  /** Absent when the log does not have it. */
  readonly logIndex?: number;
}

export interface CertifiedBatch {
  /** COSE_Sign1 by the agent. */
  readonly header: Uint8Array;
  /** Absent when the log does not have it. */
  readonly logIndex?: number;
  /** When the service had it durably; its own word. */
  readonly receivedAt: Instant;
  /** What it holds of the patient; absent when it holds nothing. */
  readonly part?: CertifiedPart;
}

export interface CertifiedPart {
  /** All coverage leaves of the patient, by index. */
  readonly leaves: readonly CertifiedLeaf[];
  /** That they are in the batch's tree (merkle-many.ts). */
  readonly proof: readonly Uint8Array[];
  /** Readings that are in the record: for each of these a receipt can be asked for. */
  readonly held: readonly Run[];
  /** Readings that were in the record before, from another batch. */
  readonly doubles: number;
  /** Readings that consent did not allow to keep. */
  readonly withheld: number;
}

export interface CertifiedLeaf {
  readonly index: number;
  readonly salt: Uint8Array;
  readonly body: Uint8Array;
}

/** Leaves `[start, start + count)` of a batch. */
export interface Run {
  readonly start: number;
  readonly count: number;
}

export interface CertifiedDevice {
  readonly device: Uint8Array;
  /** They join without a gap from the beginning to the end of what is certified. */
  readonly intervals: readonly CertifiedInterval[];
}

export interface CertifiedInterval {
  readonly from: Instant;
  readonly to: Instant;
  readonly state: CertifiedState;
  /** What says so came long after it was sealed: the network was down, and the gap was filled later. */
  readonly late: boolean;
  /** Batches that say so: number of the agent in the certificate, first and last sequence. */
  readonly by: readonly (readonly [agent: number, first: number, last: number])[];
}

/** Agents of version 1 bring no key events. */
const VERSION = 2;
const VERSIONS: readonly number[] = [1, VERSION];
const MAX_ITEMS = 4_000_000;

export function signCertificate(certificate: CoverageCertificate, signer: Signer): Uint8Array {
  const { subject, from, to, device, issuedAt, checkpoint, proof, agents, devices } = certificate;
  const fields = new Map<number, CborValue>([
    [0, VERSION],
    [1, subject],
    [2, from],
    [3, to],
    [5, issuedAt],
    [6, checkpoint],
    [7, proof],
    [8, agents.map(agentRow)],
    [9, devices.map((one): CborValue => [one.device, one.intervals.map(intervalRow)])],
  ]);
  if (device) fields.set(4, device);
  return signPayload('coverage', encodeCbor(fields), signer);
}

function agentRow({ enrolment, batches, awaited, keyEvents }: CertifiedAgent): CborValue {
  const events = keyEvents.map(({ event, logIndex }): CborValue => [event, logIndex ?? null]);
  return [enrolment, batches.map(batchRow), awaited ?? null, events];
}

function batchRow({ header, logIndex, receivedAt, part }: CertifiedBatch): CborValue {
  return [header, logIndex ?? null, receivedAt, part ? partRow(part) : null];
}

function partRow({ leaves, proof, held, doubles, withheld }: CertifiedPart): CborValue {
  return [
    leaves.map(({ index, salt, body }): CborValue => [index, salt, body]),
    proof,
    held.map(({ start, count }): CborValue => [start, count]),
    doubles,
    withheld,
  ];
}

function intervalRow({ from, to, state, late, by }: CertifiedInterval): CborValue {
  return [from, to, state, late, by];
}

/** The certificate, not verified. Throws `malformed`, `not-canonical`, `version`, `too-large`. */
export function readCertificate(signed: Uint8Array): CoverageCertificate {
  if (signed.length > MAX_CERTIFICATE_OCTETS) throw new Fault('too-large', 'longer than is read');
  return decode(readSigned(signed).payload);
}

/** The certificate, if the service's signature holds. Throws `bad-signature` too. */
export function openCertificate(signed: Uint8Array, service: Uint8Array, verify: Verify): CoverageCertificate {
  return decode(openSigned('coverage', signed, service, verify));
}

function decode(payload: Uint8Array): CoverageCertificate {
  const fields = new CborFields(decodeCbor(payload, MAX_ITEMS));
  const version = fields.uint(0);
  if (!VERSIONS.includes(version)) throw new Fault('version', 'not a certificate of this version');
  const device = fields.optional(4, (key) => fields.bytes(key, 16));
  const certificate = {
    subject: fields.bytes(1, 32),
    from: fields.instant(2),
    to: fields.instant(3),
    ...(device && { device }),
    issuedAt: fields.instant(5),
    checkpoint: fields.text(6),
    proof: fields.array(7).map(asHash),
    agents: fields.array(8).map((row) => readAgent(row, version)),
    devices: fields.array(9).map((row): CertifiedDevice => {
      const parts = rowOf(row, 2);
      return { device: parts.bytes(0, 16), intervals: parts.array(1).map(readInterval) };
    }),
  };
  fields.end();
  if (certificate.to <= certificate.from) throw new Fault('malformed', 'an interval ends after it begins');
  return certificate;
}

/** A row as a map by position, so that its parts are read as fields are. */
function rowOf(row: CborValue | undefined, length: number): CborFields {
  if (!Array.isArray(row) || row.length !== length) throw new Fault('malformed', 'not a row of a certificate');
  return new CborFields(new Map(row.map((part: CborValue, i) => [i, part])));
}

function asHash(value: CborValue): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== 32) throw new Fault('malformed', 'not a hash');
  return value;
}

function readAgent(row: CborValue, version: number): CertifiedAgent {
  const parts = rowOf(row, version === 1 ? 3 : 4);
  return {
    enrolment: parts.bytes(0),
    batches: parts.array(1).map(readBatch),
    ...(parts.any(2) !== null && { awaited: parts.uint(2) }),
    keyEvents: version === 1 ? [] : parts.array(3).map(readEvent),
  };
}

function readEvent(row: CborValue): CertifiedKeyEvent {
  const parts = rowOf(row, 2);
  return { event: parts.bytes(0), ...(parts.any(1) !== null && { logIndex: parts.uint(1) }) };
}

function readBatch(row: CborValue): CertifiedBatch {
  const parts = rowOf(row, 4);
  const part = parts.any(3);
  return {
    header: parts.bytes(0),
    ...(parts.any(1) !== null && { logIndex: parts.uint(1) }),
    receivedAt: parts.instant(2),
    ...(part !== null && { part: readPart(part) }),
  };
}

function readPart(row: CborValue | undefined): CertifiedPart {
  const parts = rowOf(row, 5);
  return {
    leaves: parts.array(0).map((leaf): CertifiedLeaf => {
      const of = rowOf(leaf, 3);
      return { index: of.uint(0), salt: of.bytes(1, 32), body: of.bytes(2) };
    }),
    proof: parts.array(1).map(asHash),
    held: parts.array(2).map((run) => readRun(rowOf(run, 2))),
    doubles: parts.uint(3),
    withheld: parts.uint(4),
  };
}

function readRun(parts: CborFields): Run {
  return { start: parts.uint(0), count: parts.uint(1) };
}

function readInterval(row: CborValue): CertifiedInterval {
  const parts = rowOf(row, 5);
  const state = CERTIFIED_STATES.find((one) => one === parts.text(2));
  if (state === undefined) throw new Fault('malformed', 'unknown state');
  return {
    from: parts.instant(0),
    to: parts.instant(1),
    state,
    late: parts.bool(3),
    by: parts.array(4).map((one) => {
      const of = rowOf(one, 3);
      return [of.uint(0), of.uint(1), of.uint(2)] as const;
    }),
  };
}
