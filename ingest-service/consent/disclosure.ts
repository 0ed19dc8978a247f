/**
 * The patient's list of who saw what: one entry for each act of showing, written before any byte leaves, linked by hash
 * so that none can be taken out or changed later (docs/format.md §9). The head's commitment goes to the log.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { equalBytes } from '../../protocol/bytes.ts';
import { CborFields, type CborValue, decodeCbor, encodeCbor } from '../../protocol/cbor.ts';
import { DOMAINS } from '../../protocol/domains.ts';
import { Fault } from '../../protocol/fault.ts';
import type { Instant } from '../../protocol/time.ts';

/** How something was shown; `denied`: it was asked for and not shown. */
export const DISCLOSURE_KINDS = [
  'read',
  'search',
  'list',
  'feed-open',
  'feed',
  'feed-close',
  'receipt',
  'coverage',
  'denied',
] as const;
export type DisclosureKind = (typeof DISCLOSURE_KINDS)[number];

/** One act of showing. */
export interface DisclosureAct {
  readonly at: Instant;
  readonly kind: DisclosureKind;
  /** Identity of the person or system that asked. */
  readonly who: string;
  /** In what role, such as `practitioner` or `patient`. */
  readonly role: string;
  /** HL7 v3 PurposeOfUse code. */
  readonly purpose: string;
  /** Ids of the grants that permitted it ({@link OWN} for the patient's own access); empty for a denial. */
  readonly grants: readonly string[];
  /** Names of the vital signs shown, or asked for where it was denied. */
  readonly classes: readonly string[];
  /** Readings shown. */
  readonly count: number;
  /** Why it was denied; absent otherwise. */
  readonly reason?: string;
}

/** An act in its place in one patient's chain. */
export interface Disclosure extends DisclosureAct {
  /** Subject, 32 octets. */
  readonly subject: Uint8Array;
  /** Gap-free, from 1. */
  readonly seq: number;
  /** Id of the entry before; 32 zero octets for the first. */
  readonly previous: Uint8Array;
}

/** Where one patient's chain ends. */
export interface DisclosureHead {
  readonly subject: Uint8Array;
  /** 0 before the first entry. */
  readonly seq: number;
  readonly id: Uint8Array;
}

/** Head of a chain without entries. */
export function openDisclosures(subject: Uint8Array): DisclosureHead {
  return { subject, seq: 0, id: new Uint8Array(32) };
}

/** Deterministic bytes of an entry; lists of tokens are sorted. Throws `malformed` for what nobody could read back. */
export function encodeDisclosure(entry: Disclosure): Uint8Array {
  const fields = new Map<number, CborValue>([
    [0, entry.subject],
    [1, entry.seq],
    [2, entry.previous],
    [3, entry.at],
    [4, entry.kind],
    [5, entry.who],
    [6, entry.role],
    [7, entry.purpose],
    [8, [...new Set(entry.grants)].sort()],
    [9, [...new Set(entry.classes)].sort()],
    [10, entry.count],
  ]);
  if (entry.reason !== undefined) fields.set(11, entry.reason);
  const bytes = encodeCbor(fields);
  decodeDisclosure(bytes);
  return bytes;
}

/** The entry of its bytes. Throws `malformed`, `not-canonical`. */
export function decodeDisclosure(bytes: Uint8Array): Disclosure {
  const fields = new CborFields(decodeCbor(bytes));
  const kind = DISCLOSURE_KINDS.find((known) => known === fields.text(4));
  if (kind === undefined) throw new Fault('malformed', 'unknown kind of disclosure');
  const reason = fields.optional(11, fields.text);
  const entry: Disclosure = {
    subject: fields.bytes(0, 32),
    seq: fields.uint(1),
    previous: fields.bytes(2, 32),
    at: fields.uint(3),
    kind,
    who: fields.text(5),
    role: fields.text(6),
    purpose: fields.text(7),
    grants: fields.texts(8),
    classes: fields.texts(9),
    count: fields.uint(10),
    ...(reason !== undefined && { reason }),
  };
  fields.end();
  if (entry.seq < 1) throw new Fault('malformed', 'seq starts at 1');
  if ((kind === 'denied') !== (reason !== undefined))
    throw new Fault('malformed', 'a denial, and only it, has a reason');
  if (kind === 'denied' && (entry.count > 0 || entry.grants.length > 0)) {
    throw new Fault('malformed', 'a denial shows nothing');
  }
  return entry;
}

/** Identity of an entry: SHA-256 over CBOR([disclosure domain, entry bytes]). */
export function disclosureId(bytes: Uint8Array): Uint8Array {
  return sha256(encodeCbor([DOMAINS.disclosure, bytes]));
}

/** Bytes of the next entry and the head after it. The caller makes them durable before it shows anything. */
export function linkDisclosure(head: DisclosureHead, act: DisclosureAct): { bytes: Uint8Array; head: DisclosureHead } {
  const seq = head.seq + 1;
  const bytes = encodeDisclosure({ ...act, subject: head.subject, seq, previous: head.id });
  return { bytes, head: { subject: head.subject, seq, id: disclosureId(bytes) } };
}

/** Head after an entry of the chain. Throws `bad-chain` when it does not follow, and what decoding throws. */
export function followDisclosure(head: DisclosureHead, bytes: Uint8Array): DisclosureHead {
  const entry = decodeDisclosure(bytes);
  if (!equalBytes(entry.subject, head.subject)) throw new Fault('bad-chain', 'entry of another patient');
  if (entry.seq !== head.seq + 1) throw new Fault('bad-chain', 'entry out of sequence');
  if (!equalBytes(entry.previous, head.id)) throw new Fault('bad-chain', 'entry follows another one');
  return { subject: head.subject, seq: entry.seq, id: disclosureId(bytes) };
}

/** Head of a whole chain, every link checked. */
export function checkDisclosures(subject: Uint8Array, entries: Iterable<Uint8Array>): DisclosureHead {
  let head = openDisclosures(subject);
  for (const bytes of entries) head = followDisclosure(head, bytes);
  return head;
}
