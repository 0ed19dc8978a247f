/**
 * Recording of HCI traffic in the btsnoop format (BTSnoop; after RFC 1761 §2), which Wireshark, btmon and Android read.
 * Numbers are big-endian. A recording holds what the radio hears, keys and other people's devices included: keep it
 * private, and redact it before anyone else sees it.
 */
import { EventEmitter } from 'node:events';
import { H4_COMMAND, H4_EVENT } from './h4-framing.ts';
import type { HciTransport, TransportClock } from './hci-transport.ts';

/** `btsnoop` and a zero octet. */
const IDENTIFICATION = Buffer.from('btsnoop\0', 'latin1');
const VERSION = 1;
/** HCI UART (H4): each packet begins with its type octet. */
const DATALINK_H4 = 1002;

/** Octets of the file header and of each record's header. */
export const HEADER_LENGTH = 16;
export const RECORD_HEADER_LENGTH = 24;

/** Microseconds from the format's epoch, 0000-01-01, to 1970-01-01; the constant of Android and Wireshark. */
const UNIX_EPOCH_US = 0x00dcddb30f2f8000n;

const FLAG_RECEIVED = 0b01;
const FLAG_COMMAND_OR_EVENT = 0b10;

/** As the host sees it. */
export type PacketDirection = 'sent' | 'received';

/** The 16 octets that begin a file. */
export function encodeBtsnoopHeader(): Buffer {
  const header = Buffer.alloc(HEADER_LENGTH);
  IDENTIFICATION.copy(header);
  header.writeUInt32BE(VERSION, 8);
  header.writeUInt32BE(DATALINK_H4, 12);
  return header;
}

/** One record: a whole H4 packet that went by at an instant (ms since the Unix epoch). */
export function encodeBtsnoopRecord(packet: Uint8Array, direction: PacketDirection, at: number): Buffer {
  const record = Buffer.alloc(RECORD_HEADER_LENGTH + packet.length);
  const isCommandOrEvent = packet[0] === H4_COMMAND || packet[0] === H4_EVENT;
  const flags = (direction === 'received' ? FLAG_RECEIVED : 0) | (isCommandOrEvent ? FLAG_COMMAND_OR_EVENT : 0);
  record.writeUInt32BE(packet.length, 0); // original length
  record.writeUInt32BE(packet.length, 4); // included length: nothing is cut
  record.writeUInt32BE(flags, 8);
  record.writeUInt32BE(0, 12); // cumulative drops
  record.writeBigInt64BE(BigInt(Math.round(at)) * 1000n + UNIX_EPOCH_US, 16);
  record.set(packet, RECORD_HEADER_LENGTH);
  return record;
}

/** Where a recording goes. Neither function throws: a recording that fails must not stop the radio. */
export interface PacketSink {
  /** Takes one H4 packet at once; it may not be kept without a copy. `at` is in ms since the Unix epoch. */
  record(packet: Uint8Array, direction: PacketDirection, at: number): void;
  /** Nothing is recorded after it. May be called twice. */
  close(): void;
}

/**
 * The same transport, with all packets that pass it recorded at the time of its clock: what was received before it is
 * handed on, what is sent before it is written. What the transport does by itself (its first reset, answers to
 * connection parameter requests) does not pass here. Closing it closes the transport and then the sink.
 */
export function teeTransport(transport: HciTransport, sink: PacketSink): HciTransport {
  return new TeedTransport(transport, sink);
}

class TeedTransport extends EventEmitter implements HciTransport {
  readonly clock: TransportClock;
  readonly #inner: HciTransport;
  readonly #sink: PacketSink;
  #closed = false;

  constructor(inner: HciTransport, sink: PacketSink) {
    super();
    this.#inner = inner;
    this.#sink = sink;
    this.clock = inner.clock;
    inner.on('data', (packet: Buffer) => {
      if (this.#closed) return;
      sink.record(packet, 'received', inner.clock.now());
      this.emit('data', packet);
    });
    inner.on('error', (error: Error) => {
      if (!this.#closed && this.listenerCount('error') > 0) this.emit('error', error);
    });
  }

  bindRaw(deviceId?: number): number {
    return this.#inner.bindRaw(deviceId);
  }

  bindUser(deviceId?: number): number {
    return this.#inner.bindUser(deviceId);
  }

  start(): void {
    this.#inner.start();
  }

  stop(): void {
    this.#inner.stop();
  }

  isDevUp(): boolean {
    return this.#inner.isDevUp();
  }

  setFilter(filter: Buffer): void {
    this.#inner.setFilter(filter);
  }

  reset(): void {
    this.#inner.reset();
  }

  getDeviceList(): { devId: number; devUp: boolean }[] {
    return this.#inner.getDeviceList();
  }

  write(packet: Buffer): void {
    // An empty write is no packet, and no record of a file may be empty.
    if (!this.#closed && packet.length > 0) this.#sink.record(packet, 'sent', this.clock.now());
    this.#inner.write(packet);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#inner.close();
    this.#sink.close();
  }
}
