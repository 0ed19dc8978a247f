/**
 * A patient's word on who may collect and who may see: events that she signs with her key and that link by hash, so that
 * nobody else can invent, change or drop one (docs/format.md §9). COSE_Sign1 of a CBOR map with integer keys.
 */
import { equalBytes } from './bytes.ts';
import { CborFields, type CborValue, decodeCbor, encodeCbor } from './cbor.ts';
import { readSigned, type Signer, signedId, signPayload } from './cose.ts';
import { assertPublicKey } from './ed25519.ts';
import { Fault } from './fault.ts';
import { thumbprint } from './keys.ts';
import type { Instant } from './time.ts';

/** `previous` of a patient's first event. */
export const NO_EVENT = new Uint8Array(32);

/** In `classes`, and only alone: every class of vital signs, those that the table gains later too. */
export const ALL_CLASSES = '*';

/** Half-open: from <= t < to. Without an end it holds until it is revoked. */
export interface Period {
  readonly from: Instant;
  readonly to?: Instant;
}

interface CommonTerms {
  /** Names of vital signs (`name` of the vital-sign table), or {@link ALL_CLASSES} alone. A set, never empty. */
  readonly classes: readonly string[];
  /** When the grant may be used. */
  readonly period: Period;
  /** Readings measured in dataFrom <= t < dataTo; a bound that is absent does not bind. */
  readonly dataFrom?: Instant;
  readonly dataTo?: Instant;
}

/** The service may take and keep readings. */
export interface CollectTerms extends CommonTerms {
  readonly action: 'collect';
  /** Device handle, 16 octets: this device only. Absent: any device of the patient. */
  readonly device?: Uint8Array;
}

/** Somebody may see readings. */
export interface DiscloseTerms extends CommonTerms {
  readonly action: 'disclose';
  /** One identity of a practitioner or organization, compared exactly. */
  readonly grantee: string;
  /** HL7 v3 PurposeOfUse codes, compared exactly: TREAT does not include ETREAT. A set, never empty. */
  readonly purposes: readonly string[];
}

export type GrantTerms = CollectTerms | DiscloseTerms;

interface CommonEvent {
  /** Thumbprint of the patient's first key, 32 octets. */
  readonly subject: Uint8Array;
  /** Gap-free, from 1. */
  readonly seq: number;
  /** Id of the event before; {@link NO_EVENT} for the first. */
  readonly previous: Uint8Array;
  /** The patient's clock. Told, not trusted: events take effect in the order of the chain. */
  readonly at: Instant;
  /** Thumbprint of the key that signs. */
  readonly key: Uint8Array;
}

export interface GrantEvent extends CommonEvent {
  readonly type: 'grant';
  /** Random, 16 octets, used once. */
  readonly grant: Uint8Array;
  readonly terms: GrantTerms;
}

/** Ends one grant for good. */
export interface RevokeEvent extends CommonEvent {
  readonly type: 'revoke';
  readonly grant: Uint8Array;
}

/** Ends every grant so far. */
export interface RevokeAllEvent extends CommonEvent {
  readonly type: 'revoke-all';
}

/** A further key may sign for the patient. */
export interface KeyAddEvent extends CommonEvent {
  readonly type: 'key-add';
  /** Ed25519, 32 octets. */
  readonly publicKey: Uint8Array;
}

/** A key may sign no more; it never comes back. */
export interface KeyRevokeEvent extends CommonEvent {
  readonly type: 'key-revoke';
  readonly revoked: Uint8Array;
}

/** Everything of the patient is to be erased. The last event of its chain. */
export interface EraseEvent extends CommonEvent {
  readonly type: 'erase';
}

export type ConsentEvent = GrantEvent | RevokeEvent | RevokeAllEvent | KeyAddEvent | KeyRevokeEvent | EraseEvent;

/** Numbers of the event types on the wire. */
export const EVENT_TYPES = { grant: 1, revoke: 2, 'revoke-all': 3, 'key-add': 4, 'key-revoke': 5, erase: 6 } as const;

/** Deterministic bytes of an event; sets are sorted. Throws `malformed` for an event that nobody could read back. */
export function encodeConsentEvent(event: ConsentEvent): Uint8Array {
  const fields = new Map<number, CborValue>([
    [0, EVENT_TYPES[event.type]],
    [1, event.subject],
    [2, event.seq],
    [3, event.previous],
    [4, event.at],
    [5, event.key],
  ]);
  if (event.type === 'grant' || event.type === 'revoke') fields.set(6, event.grant);
  if (event.type === 'grant') for (const [key, value] of termFields(event.terms)) fields.set(key, value);
  if (event.type === 'key-add') fields.set(16, event.publicKey);
  if (event.type === 'key-revoke') fields.set(17, event.revoked);
  const payload = encodeCbor(fields);
  decodeConsentEvent(payload);
  return payload;
}

function termFields(terms: GrantTerms): [number, CborValue][] {
  const disclose = terms.action === 'disclose';
  const all: [number, CborValue | undefined][] = [
    [7, terms.action],
    [8, disclose ? terms.grantee : undefined],
    [9, disclose ? undefined : terms.device],
    [10, sorted(terms.classes)],
    [11, disclose ? sorted(terms.purposes) : undefined],
    [12, terms.period.from],
    [13, terms.period.to],
    [14, terms.dataFrom],
    [15, terms.dataTo],
  ];
  return all.filter((field): field is [number, CborValue] => field[1] !== undefined);
}

function sorted(set: readonly string[]): string[] {
  return [...new Set(set)].sort();
}

/** The event of a payload. Throws `malformed`, `not-canonical`, and `wrong-key` for a key that must not be added. */
export function decodeConsentEvent(payload: Uint8Array): ConsentEvent {
  const fields = new CborFields(decodeCbor(payload));
  const type = fields.uint(0);
  const common = {
    subject: fields.bytes(1, 32),
    seq: fields.uint(2),
    previous: fields.bytes(3, 32),
    at: fields.instant(4),
    key: fields.bytes(5, 32),
  };
  if (common.seq < 1) throw new Fault('malformed', 'seq starts at 1');
  const event = readType(type, common, fields);
  fields.end();
  return event;
}

function readType(type: number, common: CommonEvent, fields: CborFields): ConsentEvent {
  switch (type) {
    case EVENT_TYPES.grant:
      return { ...common, type: 'grant', grant: fields.bytes(6, 16), terms: readTerms(fields) };
    case EVENT_TYPES.revoke:
      return { ...common, type: 'revoke', grant: fields.bytes(6, 16) };
    case EVENT_TYPES['revoke-all']:
      return { ...common, type: 'revoke-all' };
    case EVENT_TYPES['key-add']: {
      const publicKey = fields.bytes(16, 32);
      assertPublicKey(publicKey);
      return { ...common, type: 'key-add', publicKey };
    }
    case EVENT_TYPES['key-revoke']:
      return { ...common, type: 'key-revoke', revoked: fields.bytes(17, 32) };
    case EVENT_TYPES.erase:
      return { ...common, type: 'erase' };
    default:
      throw new Fault('malformed', 'unknown event type');
  }
}

function readTerms(fields: CborFields): GrantTerms {
  const action = fields.text(7);
  const common: CommonTerms = {
    classes: readSet(fields, 10, /^(?:[a-z][a-z0-9-]{0,63}|\*)$/),
    period: { from: fields.instant(12), ...bound('to', fields, 13) },
    ...bound('dataFrom', fields, 14),
    ...bound('dataTo', fields, 15),
  };
  if (common.classes.includes(ALL_CLASSES) && common.classes.length > 1) {
    throw new Fault('malformed', 'all classes and some classes');
  }
  if (isEmpty(common.period.from, common.period.to) || isEmpty(common.dataFrom, common.dataTo)) {
    throw new Fault('malformed', 'period ends before it starts');
  }
  if (action === 'collect') {
    const device = fields.optional(9, (key) => fields.bytes(key, 16));
    return { action, ...common, ...(device && { device }) };
  }
  if (action !== 'disclose') throw new Fault('malformed', 'unknown action');
  const grantee = fields.text(8);
  if (!/^[\x21-\x7e]{1,128}$/.test(grantee)) throw new Fault('malformed', 'not a grantee');
  return { action, ...common, grantee, purposes: readSet(fields, 11, /^[A-Z][A-Z0-9-]{0,31}$/) };
}

function isEmpty(from: Instant | undefined, to: Instant | undefined): boolean {
  return from !== undefined && to !== undefined && from >= to;
}

function readSet(fields: CborFields, key: number, member: RegExp): readonly string[] {
  const set = fields.texts(key);
  if (set.length === 0 || !set.every((text) => member.test(text))) throw new Fault('malformed', 'not a set of tokens');
  // Tokens are ASCII, so their order as strings is that of their bytes.
  if (set.some((text, i) => i > 0 && set[i - 1]! >= text)) throw new Fault('not-canonical', 'set doubled or unsorted');
  return set;
}

function bound<K extends string>(name: K, fields: CborFields, key: number): { [P in K]?: Instant } {
  return fields.has(key) ? ({ [name]: fields.instant(key) } as { [P in K]: Instant }) : {};
}

/** COSE_Sign1 of an event. Throws `wrong-key` when the signer's key is not the one that the event names. */
export function signConsentEvent(event: ConsentEvent, signer: Signer): Uint8Array {
  if (!equalBytes(thumbprint(signer.publicKey), event.key)) throw new Fault('wrong-key', 'event names another key');
  return signPayload('consent', encodeConsentEvent(event), signer);
}

/** Event and id of a COSE_Sign1; the signature is not verified: that is `appendEvent`'s (consent-chain.ts). */
export function readConsentEvent(signed: Uint8Array): {
  readonly event: ConsentEvent;
  readonly id: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
} {
  const { payload, signature } = readSigned(signed);
  return { event: decodeConsentEvent(payload), id: signedId('consent', payload), payload, signature };
}
