/** Commands and events of a recording with one device's address replaced and all keys gone (Core 5.2 Vol 4 Part E §7). */
import {
  COMMAND,
  EVENT,
  EVT_COMMAND_COMPLETE,
  EVT_COMMAND_STATUS,
  EVT_ENCRYPTION_CHANGE,
  EVT_LE_META,
  EVT_NUMBER_OF_COMPLETED_PACKETS,
  encodeLeEvent,
  LE_ADVERTISING_REPORT,
  LE_CONNECTION_COMPLETE,
  LE_CONNECTION_UPDATE_COMPLETE,
  LE_READ_REMOTE_FEATURES_COMPLETE,
} from '../hci/hci-packets.ts';
import { structuresOf } from './advertising-names.ts';
import { u16At } from './att-values.ts';
import type { CaptureRecord } from './btsnoop-file.ts';
import type { Report } from './capture-steps.ts';
import { isAdvertisedName, isBroadcast, isKeptStructure, writeTestName } from './redaction-rules.ts';
import type { SecretScan } from './secret-scan.ts';

const DISCONNECT = 0x0406;
const LE_CREATE_CONNECTION = 0x200d;
const LE_ENABLE_ENCRYPTION = 0x2019;
/** Reset, and what is about scanning and giving up: octets of their parameters. */
const HARMLESS_COMMANDS: Readonly<Record<number, number>> = { 3075: 0, 8203: 7, 8204: 2, 8206: 0 };
const LE_DATA_LENGTH_CHANGE = 0x07;
/** LE events about a link: octets of the whole packet, and where the handle stands. */
const LINK_EVENTS: Readonly<Record<number, { length: number; handleAt: number }>> = {
  [LE_CONNECTION_UPDATE_COMPLETE]: { length: 13, handleAt: 5 },
  [LE_READ_REMOTE_FEATURES_COMPLETE]: { length: 15, handleAt: 5 },
  [LE_DATA_LENGTH_CHANGE]: { length: 14, handleAt: 4 },
};
const HANDLE_MASK = 0x0fff;
const RANDOM = 1;
/** Most octets in advertising data of the first kind of report (Vol 6 Part B §2.3.1). */
const MAX_LEGACY_DATA = 31;
const LE_EXTENDED_ADVERTISING_REPORT = 0x0d;
/** Most that fits one event of the second kind (§7.7.65.13). */
const MAX_EXTENDED_DATA = 229;

export interface AdvertisingScope {
  readonly secrets: SecretScan;
  /** Whether service data and manufacturer data are kept. */
  readonly keepBroadcasts: boolean;
}

export interface HciScope {
  /** Address of the kept device, and what stands in its place; least significant octet first. */
  readonly keep: Uint8Array;
  readonly octets: Uint8Array;
  /** Handles of its links that are open. */
  readonly handles: ReadonlySet<number>;
}

/** A command or event that may be kept, with its address replaced and its key zero; undefined for all others. */
export function redactHci(record: CaptureRecord, scope: HciScope): Uint8Array | undefined {
  const packet = Uint8Array.from(record.packet);
  if (packet[0] === COMMAND && record.direction === 'sent') return redactCommand(packet, scope);
  if (packet[0] === EVENT && record.direction === 'received') return isKeptEvent(packet, scope) ? packet : undefined;
  return undefined;
}

function redactCommand(packet: Uint8Array, { keep, octets, handles }: HciScope): Uint8Array | undefined {
  const opcode = u16At(packet, 1);
  const length = packet.length - 4;
  if (length < 0 || length !== packet[3]) return undefined;
  if (HARMLESS_COMMANDS[opcode] === length) return packet;
  const isOwnLink = handles.has(u16At(packet, 4) & HANDLE_MASK);
  if (opcode === DISCONNECT && length === 3) return isOwnLink ? packet : undefined;
  if (opcode === LE_ENABLE_ENCRYPTION && length === 28) return isOwnLink ? packet.fill(0, 6) : undefined;
  if (opcode !== LE_CREATE_CONNECTION || length !== 25) return undefined;
  if (!keep.every((octet, i) => packet[10 + i] === octet)) return undefined;
  packet[9] = RANDOM;
  packet.set(octets, 10);
  return packet;
}

function isKeptEvent(packet: Uint8Array, { handles }: HciScope): boolean {
  const has = (handleAt: number) => handles.has(u16At(packet, handleAt) & HANDLE_MASK);
  switch (packet[1]) {
    case EVT_COMMAND_COMPLETE:
      // With a status and nothing else.
      return packet.length === 7 && u16At(packet, 4) in HARMLESS_COMMANDS;
    case EVT_COMMAND_STATUS:
      return packet.length === 7;
    case EVT_ENCRYPTION_CHANGE:
      return packet.length === 7 && has(4);
    case EVT_NUMBER_OF_COMPLETED_PACKETS:
      return packet.length === 8 && packet[3] === 1 && has(4);
    case EVT_LE_META: {
      const event = LINK_EVENTS[packet[3] ?? 0];
      return event !== undefined && packet.length === event.length && has(event.handleAt);
    }
    default:
      return false;
  }
}

/** LE Connection Complete, enhanced or not, with the address replaced and resolvable private ones zero. */
export function redactConnection(original: Uint8Array, octets: Uint8Array): Uint8Array {
  const packet = Uint8Array.from(original);
  packet[8] = RANDOM;
  packet.set(octets, 9);
  if (packet[3] !== LE_CONNECTION_COMPLETE) packet.fill(0, 15, 27);
  return packet;
}

/** An event for each report, with the address and names replaced. */
export function encodeReports(reports: readonly Report[], octets: Uint8Array, scope: AdvertisingScope): Uint8Array[] {
  return reports.map(({ isScanResponse, data, rssi }) => {
    const redacted = redactAdvertising(data, scope);
    const length = Buffer.from([redacted.length]);
    if (redacted.length <= MAX_LEGACY_DATA) {
      const head = Buffer.from([1, isScanResponse ? 0x04 : 0x00, RANDOM]);
      const event = encodeLeEvent(LE_ADVERTISING_REPORT, head, octets, length, redacted, Buffer.from([rssi & 0xff]));
      return new Uint8Array(event);
    }
    // Type (complete), address, PHYs, set, power, RSSI, interval, and no direct address (§7.7.65.13).
    const head = Buffer.from([1, isScanResponse ? 0x0a : 0x01, 0, RANDOM]);
    const tail = Buffer.from([1, 0, 0xff, 127, rssi & 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    return new Uint8Array(encodeLeEvent(LE_EXTENDED_ADVERTISING_REPORT, head, octets, tail, length, redacted));
  });
}

function redactAdvertising(data: Uint8Array, { secrets, keepBroadcasts }: AdvertisingScope): Uint8Array {
  const kept: Uint8Array[] = [];
  for (const { type, start, end } of structuresOf(data)) {
    const structure = data.slice(start - 2, end);
    if (isAdvertisedName(type)) writeTestName(structure, 2, structure.length);
    else if (isKeptStructure(type) || (keepBroadcasts && isBroadcast(type))) secrets.wipe(structure, 2);
    else continue;
    kept.push(structure);
  }
  return Buffer.concat(kept).subarray(0, MAX_EXTENDED_DATA);
}
