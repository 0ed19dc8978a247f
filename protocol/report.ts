/**
 * What an agent tells the service beside its batches, for people who pair a wearable (docs/format.md §6.7): signed by the
 * agent, numbered per boot, sealed to the service. Nothing measured is in it, and nobody keeps it.
 */
import { addressFromBytes, addressToBytes, type DeviceAddress, readAddress } from './bluetooth-address.ts';
import { CborFields, type CborValue, decodeCbor, encodeCbor } from './cbor.ts';
import { openSigned, type Signer, signPayload, type Verify } from './cose.ts';
import { DEVICE_KINDS, type DeviceKind } from './device-kind.ts';
import { Fault } from './fault.ts';
import { PAIRING_FAILURES, type PairingFailure } from './pairing-failure.ts';
import type { Instant } from './time.ts';

/** A wearable that was heard and can be connected to. */
export interface FoundDevice extends DeviceAddress {
  /** As advertised, cut at {@link MAX_NAME}. */
  readonly name?: string;
  readonly kind: DeviceKind;
  /** Name of the device profile that fits. */
  readonly profile: string;
  /** dBm. */
  readonly rssi: number;
  readonly heardAt: Instant;
}

/**
 * Where the pairing of a device stands. `bonded`: linked for the first time, with whatever security the device asks for;
 * `proven`: linked again after a deliberate end of the first link; `hearing`: a value came after that.
 */
export const LINK_STATES = [
  'connecting',
  'pairing',
  'passkey-needed',
  'bonded',
  'proven',
  'hearing',
  'failed',
] as const;
export type PairingLinkState = (typeof LINK_STATES)[number];

export type ReportContent =
  /** First on every connection: the key to which actions for this boot are sealed (X25519, 32 octets). */
  | { readonly type: 'hello'; readonly hpkePublicKey: Uint8Array }
  | { readonly type: 'found'; readonly devices: readonly FoundDevice[] }
  | ({ readonly type: 'link'; readonly state: PairingLinkState; readonly failure?: PairingFailure } & DeviceAddress)
  /** Measurements of users of a device whom nobody claimed; how many, not what. */
  | { readonly type: 'held'; readonly users: readonly HeldUser[] }
  /** The erasure with this id (16 octets) is done here: nothing of its subject is kept any more. */
  | { readonly type: 'erased'; readonly id: Uint8Array };

export interface HeldUser extends DeviceAddress {
  readonly userIndex: number;
  readonly count: number;
  readonly name?: string;
}

export interface Report {
  /** Thumbprint of the agent's key, 32 octets. */
  readonly agent: Uint8Array;
  /** Random per start of the agent, 16 octets. */
  readonly boot: Uint8Array;
  /** Greater than that of every report before of this boot. */
  readonly number: number;
  readonly at: Instant;
  readonly content: ReportContent;
}

/** Most devices in a report. */
export const MAX_FOUND = 64;
/** Longest name, in UTF-16 units; an advertisement has room for less. */
export const MAX_NAME = 64;

const TYPES = { hello: 1, found: 2, link: 3, held: 4, erased: 5 } as const;

export function signReport({ agent, boot, number, at, content }: Report, signer: Signer): Uint8Array {
  const fields = new Map<number, CborValue>([
    [0, agent],
    [1, boot],
    [2, number],
    [3, at],
    [4, TYPES[content.type]],
    ...contentFields(content),
  ]);
  return signPayload('report', encodeCbor(fields), signer);
}

function contentFields(content: ReportContent): [number, CborValue][] {
  switch (content.type) {
    case 'hello':
      return [[5, content.hpkePublicKey]];
    case 'found':
      return [[6, content.devices.map(foundRow)]];
    case 'link': {
      const { address, addressType, state, failure } = content;
      const fields: [number, CborValue][] = [
        [7, addressToBytes(address)],
        [8, addressType === 'random'],
        [9, LINK_STATES.indexOf(state)],
      ];
      return failure === undefined ? fields : [...fields, [10, failure]];
    }
    case 'held':
      return [[11, content.users.map(heldRow)]];
    case 'erased':
      return [[12, content.id]];
  }
}

function foundRow({ address, addressType, name, kind, profile, rssi, heardAt }: FoundDevice): CborValue {
  const octets = addressToBytes(address);
  return [octets, addressType === 'random', name ?? null, DEVICE_KINDS.indexOf(kind), profile, rssi, heardAt];
}

function heldRow({ address, addressType, userIndex, count, name }: HeldUser): CborValue {
  return [addressToBytes(address), addressType === 'random', userIndex, count, name ?? null];
}

/** The report, if the agent's signature holds. Throws `bad-signature`, `malformed`, `not-canonical`, `too-large`, `range`. */
export function openReport(signed: Uint8Array, agentKey: Uint8Array, verify: Verify): Report {
  const fields = new CborFields(decodeCbor(openSigned('report', signed, agentKey, verify)));
  const head = {
    agent: fields.bytes(0, 32),
    boot: fields.bytes(1, 16),
    number: fields.uint(2),
    at: fields.instant(3),
  };
  const content = readContent(fields.uint(4), fields);
  fields.end();
  return { ...head, content };
}

function readContent(type: number, fields: CborFields): ReportContent {
  switch (type) {
    case TYPES.hello:
      return { type: 'hello', hpkePublicKey: fields.bytes(5, 32) };
    case TYPES.found:
      return { type: 'found', devices: bounded(fields.array(6)).map(readFound) };
    case TYPES.link: {
      const device = readAddress(fields, 7);
      const state = LINK_STATES[fields.uint(9)];
      const failure = fields.optional(10, (key) => PAIRING_FAILURES.find((code) => code === fields.text(key)) ?? null);
      if (state === undefined || failure === null || (state === 'failed') !== (failure !== undefined)) {
        throw new Fault('malformed', 'not a state of a pairing');
      }
      return { type: 'link', ...device, state, ...(failure !== undefined && { failure }) };
    }
    case TYPES.held:
      return { type: 'held', users: bounded(fields.array(11)).map(readHeld) };
    case TYPES.erased:
      return { type: 'erased', id: fields.bytes(12, 16) };
    default:
      throw new Fault('malformed', 'unknown report');
  }
}

function bounded(rows: readonly CborValue[]): readonly CborValue[] {
  if (rows.length > MAX_FOUND) throw new Fault('too-large', `more than ${MAX_FOUND} devices`);
  return rows;
}

/** A row as a map by position, so that its parts are read as fields are. */
function rowFields(row: CborValue, length: number): CborFields {
  if (!Array.isArray(row) || row.length !== length) throw new Fault('malformed', 'not a row of a report');
  return new CborFields(new Map(row.map((part: CborValue, i) => [i, part])));
}

function readFound(row: CborValue): FoundDevice {
  const fields = rowFields(row, 7);
  const kind = DEVICE_KINDS[fields.uint(3)];
  const [profile, rssi] = [fields.text(4), fields.int(5)];
  if (kind === undefined || !/^[a-z0-9-]{1,64}$/.test(profile)) throw new Fault('malformed', 'not a kind of device');
  if (rssi < -127 || rssi > 127) throw new Fault('range', 'not a signal strength'); // Core 5.2 Vol 4 Part E §7.7.65.2
  return { ...rowAddress(fields), ...rowName(fields, 2), kind, profile, rssi, heardAt: fields.instant(6) };
}

function readHeld(row: CborValue): HeldUser {
  const fields = rowFields(row, 5);
  const userIndex = fields.uint(2);
  if (userIndex > 255) throw new Fault('range', 'not a user index');
  return { ...rowAddress(fields), userIndex, count: fields.uint(3), ...rowName(fields, 4) };
}

function rowAddress(fields: CborFields): DeviceAddress {
  return { address: addressFromBytes(fields.bytes(0, 6)), addressType: fields.bool(1) ? 'random' : 'public' };
}

function rowName(fields: CborFields, key: number): { name?: string } {
  if (fields.any(key) === null) return {};
  const name = fields.text(key);
  if (name.length > MAX_NAME) throw new Fault('too-large', 'a name over its limit');
  return { name };
}
