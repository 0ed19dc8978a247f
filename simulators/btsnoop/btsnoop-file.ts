/**
 * Recordings of HCI traffic in the btsnoop format (BTSnoop; after RFC 1761 §2), as Android, BlueZ, Wireshark and the
 * agent write them. Numbers are big-endian. Reading is strict: a file is whole or refused.
 */
import { copyBytes } from '../../protocol/bytes.ts';
import { Fault } from '../../protocol/fault.ts';
import { ACL_DATA, COMMAND, EVENT } from '../hci/hci-packets.ts';

/** One packet that went by. */
export interface CaptureRecord {
  /** Microseconds since the Unix epoch, by the clock of whoever recorded. */
  readonly atUs: number;
  /** As the host sees it. */
  readonly direction: 'sent' | 'received';
  /** H4: the type octet, then the packet. */
  readonly packet: Uint8Array;
  /** The recorder kept only the beginning of the packet. */
  readonly cut: boolean;
}

/** Largest file that is read. */
export const MAX_CAPTURE_BYTES = 256 * 1024 * 1024;
/** The largest H4 packet is ACL data: type, header, and 65,535 octets (Core 5.2 Vol 4 Part E §5.4.2). */
const MAX_PACKET = 1 + 4 + 0xffff;

/** `btsnoop` and a zero octet. */
const IDENTIFICATION = [0x62, 0x74, 0x73, 0x6e, 0x6f, 0x6f, 0x70, 0x00];
const VERSION = 1;
const HEADER_LENGTH = 16;
const RECORD_HEADER_LENGTH = 24;

/** Datalink types: HCI packets whose type is told by flags, H4, and the Linux monitor of btmon. */
const DATALINK_HCI = 1001;
const DATALINK_H4 = 1002;
const DATALINK_MONITOR = 2001;

const FLAG_RECEIVED = 0b01;
const FLAG_COMMAND_OR_EVENT = 0b10;

/** What the monitor's opcodes mean; it has others, for what is not HCI. */
const MONITOR: Readonly<Record<number, { type: number; direction: CaptureRecord['direction'] } | undefined>> = {
  2: { type: COMMAND, direction: 'sent' },
  3: { type: EVENT, direction: 'received' },
  4: { type: ACL_DATA, direction: 'sent' },
  5: { type: ACL_DATA, direction: 'received' },
};

/** Microseconds from the format's epoch, 0000-01-01, to 1970-01-01; the constant of Android and Wireshark. */
const UNIX_EPOCH_US = 0x00dcddb30f2f8000n;

/**
 * All records of a file. Throws a Fault: `too-large`, `truncated`, `malformed` (not btsnoop, lengths that contradict each
 * other, the traffic of two adapters), `version` (another version or datalink), `range` (a time before 1970).
 */
export function readBtsnoop(bytes: Uint8Array): CaptureRecord[] {
  if (bytes.length > MAX_CAPTURE_BYTES) throw new Fault('too-large', 'a recording of more than 256 MiB');
  if (bytes.length < HEADER_LENGTH) throw new Fault('truncated', 'shorter than the header of a btsnoop file');
  if (IDENTIFICATION.some((octet, i) => bytes[i] !== octet)) throw new Fault('malformed', 'not a btsnoop file');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(8) !== VERSION) throw new Fault('version', 'another version than 1 of btsnoop');
  const datalink = view.getUint32(12);
  if (datalink !== DATALINK_HCI && datalink !== DATALINK_H4 && datalink !== DATALINK_MONITOR) {
    throw new Fault('version', 'a datalink type that is not HCI');
  }

  const records: CaptureRecord[] = [];
  let adapter: number | undefined;
  for (let at = HEADER_LENGTH; at < bytes.length; ) {
    if (at + RECORD_HEADER_LENGTH > bytes.length) throw new Fault('truncated', 'ends inside the header of a record');
    const original = view.getUint32(at);
    const included = view.getUint32(at + 4);
    const flags = view.getUint32(at + 8);
    const atUs = toUnix(view.getBigInt64(at + 16));
    if (included > original) throw new Fault('malformed', 'a record that holds more than there was');
    if (included > MAX_PACKET) throw new Fault('too-large', 'a record longer than any packet');
    const start = at + RECORD_HEADER_LENGTH;
    at = start + included;
    if (at > bytes.length) throw new Fault('truncated', 'ends inside a record');
    const cut = included < original;
    const data = copyBytes(bytes, start, at);

    if (datalink === DATALINK_MONITOR) {
      const kind = MONITOR[flags & 0xffff];
      if (!kind) continue;
      adapter ??= flags >>> 16;
      if (adapter !== flags >>> 16) throw new Fault('malformed', 'the traffic of more than one adapter');
      records.push({ atUs, direction: kind.direction, packet: prefix(kind.type, data), cut });
      continue;
    }
    const direction = flags & FLAG_RECEIVED ? 'received' : 'sent';
    const packet = datalink === DATALINK_H4 ? data : prefix(typeOf(flags), data);
    if (packet.length === 0 && !cut) throw new Fault('malformed', 'a record without a packet');
    records.push({ atUs, direction, packet, cut });
  }
  return records;
}

/** A file (H4) with the records; those that were cut are left out, as nobody could tell. */
export function writeBtsnoop(records: Iterable<CaptureRecord>): Uint8Array {
  const parts = [encodeHeader()];
  for (const record of records) if (!record.cut && record.packet.length > 0) parts.push(encodeRecord(record));
  return new Uint8Array(Buffer.concat(parts));
}

/** The 16 octets that begin a file (H4). */
export function encodeHeader(): Uint8Array {
  const header = new Uint8Array(HEADER_LENGTH);
  header.set(IDENTIFICATION);
  const view = new DataView(header.buffer);
  view.setUint32(8, VERSION);
  view.setUint32(12, DATALINK_H4);
  return header;
}

/** One record, to be appended to a file. */
export function encodeRecord({ atUs, direction, packet }: CaptureRecord): Uint8Array {
  const record = new Uint8Array(RECORD_HEADER_LENGTH + packet.length);
  const view = new DataView(record.buffer);
  const isCommandOrEvent = packet[0] === COMMAND || packet[0] === EVENT;
  view.setUint32(0, packet.length);
  view.setUint32(4, packet.length);
  view.setUint32(8, (direction === 'received' ? FLAG_RECEIVED : 0) | (isCommandOrEvent ? FLAG_COMMAND_OR_EVENT : 0));
  view.setBigInt64(16, BigInt(atUs) + UNIX_EPOCH_US);
  record.set(packet, RECORD_HEADER_LENGTH);
  return record;
}

function toUnix(timestamp: bigint): number {
  const atUs = timestamp - UNIX_EPOCH_US;
  if (atUs < 0n || atUs > BigInt(Number.MAX_SAFE_INTEGER)) throw new Fault('range', 'a record of no plausible time');
  return Number(atUs);
}

/** Un-encapsulated HCI tells commands and events apart by direction (BTSnoop, packet flags). */
function typeOf(flags: number): number {
  if ((flags & FLAG_COMMAND_OR_EVENT) === 0) return ACL_DATA;
  return flags & FLAG_RECEIVED ? EVENT : COMMAND;
}

function prefix(type: number, data: Uint8Array): Uint8Array {
  const packet = new Uint8Array(data.length + 1);
  packet[0] = type;
  packet.set(data, 1);
  return packet;
}
