/**
 * The port between noble and a Bluetooth controller. Engines: H4 over a unix socket (`h4-unix.ts`) or TCP
 * (`h4-tcp.ts`), an adapter of this machine (`hci-native.ts`), and any object with this surface, such as a virtual
 * controller in the same process, which `main` passes in.
 */
import type { EventEmitter } from 'node:events';

/** Gateway clock. Integer milliseconds since the Unix epoch. */
export interface TransportClock {
  now(): number;
}

/**
 * An opened HCI transport. The contract, for every engine:
 *
 * - It is handed out open: the controller has been reset (Core 5.2 Vol 4 Part E §7.3.2) and `isDevUp()` is true.
 * - `start()` lets `data` events begin, `stop()` ends them. Both may be called again; noble does so after an outage.
 * - `data` carries exactly one whole H4 packet, an event or ACL data (§5.4), in a Buffer that nobody changes later.
 *   Packets come in the order in which the controller sent them, never inside a call of `write()`.
 * - `write()` takes one H4 packet, a command or ACL data, keeps the order and gives commands to the controller only as
 *   its credits allow (Num_HCI_Command_Packets, §4.4). It never throws; what cannot be sent is dropped.
 * - A peripheral's L2CAP Connection Parameter Update Request is answered below this port, as the kernel does for its
 *   raw sockets, because noble does not.
 * - `isDevUp()` is polled. An outage, however short, shows as false at least once, so that noble never goes on with
 *   links that the controller has forgotten.
 * - `error` is emitted for information only; the transport recovers by itself where it can.
 * - `clock` is the gateway clock that stamps what is heard. While a `data` event is handled, `clock.now()` is the time
 *   of that packet. Transports of simulated controllers bring simulated time; the others are given a clock.
 * - `close()` frees everything, lets the process exit, and may be called twice. Nothing is emitted after it.
 *
 * Only noble listens to `data` and `error`: it removes all listeners of a transport when an adapter comes back.
 */
export interface HciTransport extends EventEmitter {
  readonly clock: TransportClock;
  bindRaw(deviceId?: number): number;
  bindUser(deviceId?: number): number;
  start(): void;
  stop(): void;
  isDevUp(): boolean;
  /** Kernel sockets filter by it; others ignore it. */
  setFilter(filter: Buffer): void;
  write(packet: Buffer): void;
  reset(): void;
  getDeviceList(): { devId: number; devUp: boolean }[];
  close(): Promise<void>;
}
