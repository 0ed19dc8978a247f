/**
 * A batch: one agent's leaves between two instants, sorted, salted, hashed into one tree, and a header that the agent
 * signs. The header holds the root, so one reading can be shown with the agent's signature and without the others.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { compareBytes, concatBytes, encodeUtf8 } from './bytes.ts';
import { CborFields, decodeCbor, encodeCbor } from './cbor.ts';
import { openSigned, readSigned, type Signer, signedId, signPayload, type Verify } from './cose.ts';
import { DOMAINS } from './domains.ts';
import { Fault } from './fault.ts';
import { LEAF_KINDS, type Leaf } from './leaf.ts';
import { hashLeaf, rootOf } from './merkle.ts';
import type { Instant } from './time.ts';

/** Most leaves in one batch. */
export const MAX_LEAVES = 10_000;

/** Longest leaf body; a characteristic value has at most 512 octets. */
export const MAX_BODY_OCTETS = 4096;

/** Items of CBOR that a batch with {@link MAX_LEAVES} leaves may take, sealed or stored. */
export const MAX_BATCH_ITEMS = 8 * MAX_LEAVES;

/** What the agent signs. */
export interface BatchHeader {
  /** Thumbprint of the agent's key, 32 octets. */
  readonly agent: Uint8Array;
  /** Random per start of the agent, 16 octets. */
  readonly boot: Uint8Array;
  /** Gap-free per agent key, from 1, across restarts. */
  readonly sequence: number;
  /** Id of the batch before, 32 zero octets for the first. */
  readonly previous: Uint8Array;
  /** Gateway clock: first and last instant that the batch speaks for. */
  readonly openedAt: Instant;
  readonly closedAt: Instant;
  readonly leafCount: number;
  /** RFC 9162 §2.1.1 root over the leaf hashes. */
  readonly root: Uint8Array;
}

/** Leaves of one patient, kind and vital sign: one contiguous range of the tree, under one salt key. */
export interface Segment {
  /** Random, 32 octets; every leaf's salt follows from it. Destroying it makes the leaves' hashes meaningless. */
  readonly key: Uint8Array;
  /** Index in the batch of the segment's first leaf. */
  readonly start: number;
  readonly bodies: readonly Uint8Array[];
}

const VERSION = 1;

/** `previous` of an agent's first batch. */
export const NO_BATCH = new Uint8Array(32);

/** Order of leaves in a batch: patient, kind, vital sign, time; equal ones stay as heard (sorts are stable). */
export function compareLeaves(a: Leaf, b: Leaf): number {
  return (
    compareBytes(a.subject, b.subject) ||
    LEAF_KINDS[a.kind] - LEAF_KINDS[b.kind] ||
    vitalOf(a) - vitalOf(b) ||
    instantOf(a) - instantOf(b)
  );
}

/** True when both belong into one segment. */
export function sameSegment(a: Leaf, b: Leaf): boolean {
  return a.kind === b.kind && vitalOf(a) === vitalOf(b) && compareBytes(a.subject, b.subject) === 0;
}

function vitalOf(leaf: Leaf): number {
  return leaf.kind === 'reading' ? leaf.vital : 0;
}

function instantOf(leaf: Leaf): Instant {
  switch (leaf.kind) {
    case 'reading':
      return leaf.measuredAt;
    case 'coverage':
      return leaf.from;
    case 'clock':
    case 'device':
      return leaf.heardAt;
    case 'correction':
      return leaf.correctedAt;
  }
}

/** salt = SHA-256(segment key || index in the batch, 4 octets, big-endian). */
export function leafSalt(segmentKey: Uint8Array, index: number): Uint8Array {
  const input = new Uint8Array(36);
  input.set(segmentKey);
  new DataView(input.buffer).setUint32(32, index);
  return sha256(input);
}

// CBOR([domain, salt, body]) with the body spliced in as it is: array(3), the domain, byte string(32).
const LEAF_PREFIX = concatBytes(new Uint8Array([0x83]), encodeCbor(DOMAINS.leaf), new Uint8Array([0x58, 0x20]));

/** RFC 9162 §2.1.1 leaf hash over CBOR([domain, salt, body]). */
export function leafHash(salt: Uint8Array, body: Uint8Array): Uint8Array {
  return hashLeaf(concatBytes(LEAF_PREFIX, salt, body));
}

/** Hashes of a segment's leaves, in order. */
export function segmentHashes({ key, start, bodies }: Segment): Uint8Array[] {
  return bodies.map((body, i) => leafHash(leafSalt(key, start + i), body));
}

/** Root over all segments of a batch. */
export function batchRoot(segments: readonly Segment[]): Uint8Array {
  return rootOf(segments.flatMap(segmentHashes));
}

/** The header's bytes as signed. */
export function encodeHeader(header: BatchHeader): Uint8Array {
  return encodeCbor(
    new Map<number, number | Uint8Array>([
      [0, VERSION],
      [1, header.agent],
      [2, header.boot],
      [3, header.sequence],
      [4, header.previous],
      [5, header.openedAt],
      [6, header.closedAt],
      [7, header.leafCount],
      [8, header.root],
    ]),
  );
}

/** The header of a payload; throws `malformed`, `not-canonical`, `version`, `too-large` (leaves). */
export function decodeHeader(payload: Uint8Array): BatchHeader {
  const fields = new CborFields(decodeCbor(payload));
  if (fields.uint(0) !== VERSION) throw new Fault('version', 'unknown batch version');
  const header: BatchHeader = {
    agent: fields.bytes(1, 32),
    boot: fields.bytes(2, 16),
    sequence: fields.uint(3),
    previous: fields.bytes(4, 32),
    openedAt: fields.instant(5),
    closedAt: fields.instant(6),
    leafCount: fields.uint(7),
    root: fields.bytes(8, 32),
  };
  fields.end();
  if (header.sequence < 1) throw new Fault('malformed', 'sequence starts at 1');
  if (header.leafCount < 1) throw new Fault('malformed', 'a batch has at least one leaf');
  if (header.leafCount > MAX_LEAVES) throw new Fault('too-large', `more than ${MAX_LEAVES} leaves`);
  return header;
}

/** A header with its signature and id. */
export interface SignedHeader {
  readonly header: BatchHeader;
  /** COSE_Sign1. */
  readonly signed: Uint8Array;
  /** Batch id, 32 octets. */
  readonly id: Uint8Array;
}

export function signHeader(header: BatchHeader, signer: Signer): SignedHeader {
  const payload = encodeHeader(header);
  return { header, signed: signPayload('batch', payload, signer), id: signedId('batch', payload) };
}

/** Header and id of a COSE_Sign1 whose signature was verified before, or is about to be. */
export function readHeader(signed: Uint8Array): SignedHeader {
  const { payload } = readSigned(signed);
  return { header: decodeHeader(payload), signed, id: signedId('batch', payload) };
}

/** Header and id of a COSE_Sign1 whose signature holds. Throws `bad-signature` and what decoding throws. */
export function openHeader(signed: Uint8Array, publicKey: Uint8Array, verify: Verify): SignedHeader {
  const payload = openSigned('batch', signed, publicKey, verify);
  return { header: decodeHeader(payload), signed, id: signedId('batch', payload) };
}

/** A reading's id: batch id and leaf index, as text. It says nothing of the value. */
export function formatReadingId(batch: string, index: number): string {
  return `${batch}.${index}`;
}

/** Batch id (its text form) and leaf index of a reading id; `undefined` when it is not one. */
export function parseReadingId(id: string): { batch: string; index: number } | undefined {
  const match = /^([a-z2-7]{52})\.(0|[1-9]\d{0,4})$/.exec(id);
  return match ? { batch: match[1]!, index: Number(match[2]) } : undefined;
}

/** Domain label as bytes, for HPKE's `info`. */
export const ENVELOPE_INFO = encodeUtf8(DOMAINS.envelope);
