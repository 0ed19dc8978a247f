/**
 * A virtual Bluetooth LE controller at the HCI level (Core 5.2 Vol 4 Part E) with simulated peripherals on its air.
 * It speaks plain HCI packets with its host, so a real host stack runs above it unchanged: in this process
 * (`virtual-transport.ts`) or through a socket (`h4-server.ts`).
 */
import { Scanner } from './advertising.ts';
import { createCommandHandler } from './commands.ts';
import {
  ACL_DATA,
  COMMAND,
  EVT_DISCONNECTION_COMPLETE,
  EVT_NUMBER_OF_COMPLETED_PACKETS,
  encodeAddress,
  encodeEvent,
  encodeLeEvent,
  LE_CONNECTION_COMPLETE,
  STATUS_LOCAL_HOST_ENDED,
  STATUS_SUCCESS,
  STATUS_UNKNOWN_CONNECTION,
  u16,
} from './hci-packets.ts';
import { HostQueue, type HostSink } from './host-queue.ts';
import { Interceptions } from './interception.ts';
import { Link } from './link.ts';
import type { VirtualPeripheral } from './virtual-peripheral.ts';

export interface ControllerOptions {
  /** Clock that stamps what the host hears; see `sim-clock.ts`. */
  readonly clock: { now(): number };
  readonly address?: string;
  /** Octets of one ACL packet, and how many the controller holds. */
  readonly aclLength?: number;
  readonly aclCount?: number;
  /** Real milliseconds between advertisements while somebody scans. */
  readonly advertisingIntervalMs?: number;
  /** Most links at once; real adapters carry 5 to 20. */
  readonly maxLinks?: number;
}

/** A Create Connection that waits for its device to advertise. */
export interface PendingConnection {
  readonly address: string;
  readonly addressType: number;
  readonly central: CentralAddress;
}

/** The address that the host gives itself on a link: the controller's public one, or a random one of its own. */
export interface CentralAddress {
  readonly address: string;
  readonly random: boolean;
}

export class VirtualController {
  /** The public one; another host has another. */
  address: string;
  readonly clock: { now(): number };
  /** Octets of one packet to the host; the host reads it when it starts. */
  aclLength: number;
  readonly aclCount: number;
  readonly maxLinks: number;
  /** What takes hold of what passes, for faults. */
  readonly interceptions = new Interceptions();
  readonly scanner: Scanner;
  /** Set by the host (§7.8.4); undefined until then. */
  randomAddress: string | undefined;
  /** The connection that waits, if any; at most one (§7.8.12). */
  pending: PendingConnection | undefined;
  /** Told of each packet once the host has it, after all that took hold of it. */
  onHandedOver: ((packet: Buffer) => void) | undefined;
  /** How often each command came, by opcode. */
  readonly commandsSeen = new Map<number, number>();

  readonly #peripherals = new Map<string, VirtualPeripheral>();
  readonly #links = new Map<number, Link>();
  readonly #queue = new HostQueue();
  readonly #onCommand: (opcode: number, parameters: Buffer) => void;
  #nextHandle = 0x0040;

  constructor(options: ControllerOptions) {
    this.clock = options.clock;
    this.address = (options.address ?? 'c0:ff:ee:00:00:01').toLowerCase();
    this.aclLength = options.aclLength ?? 251;
    this.aclCount = options.aclCount ?? 8;
    this.maxLinks = options.maxLinks ?? 1000;
    this.scanner = new Scanner({
      intervalMs: options.advertisingIntervalMs ?? 100,
      peripherals: () => this.#peripherals.values(),
      report: (event) => this.sendToHost(event),
    });
    this.#onCommand = createCommandHandler(this);
  }

  get linkCount(): number {
    return this.#links.size;
  }

  /** Puts a peripheral on the air. Returns it. */
  add<P extends VirtualPeripheral>(peripheral: P): P {
    if (this.#peripherals.has(peripheral.address)) throw new RangeError('a device with this address is already there');
    this.#peripherals.set(peripheral.address, peripheral);
    peripheral.attach({
      onAir: () => this.tryConnect(),
      onAddress: (before) => {
        this.#peripherals.delete(before);
        this.#peripherals.set(peripheral.address, peripheral);
        this.tryConnect();
      },
    });
    return peripheral;
  }

  /** Takes a peripheral off the air; its link is lost. */
  remove(peripheral: VirtualPeripheral): void {
    peripheral.leaveRange();
    this.#peripherals.delete(peripheral.address);
  }

  /** Sets who is the host; undefined when there is none. */
  attach(sink: HostSink | undefined): void {
    this.#queue.attach(sink);
  }

  /** Takes one H4 packet of the host. Never throws: a malformed one is ignored, as by a controller. */
  receive(packet: Buffer): void {
    this.interceptions.fromHost(packet, (passed) => this.#receive(passed));
  }

  #receive(packet: Buffer): void {
    if (packet[0] === COMMAND && packet.length >= 4) {
      const opcode = packet.readUInt16LE(1);
      this.commandsSeen.set(opcode, (this.commandsSeen.get(opcode) ?? 0) + 1);
      this.#onCommand(opcode, packet.subarray(4));
    } else if (packet[0] === ACL_DATA && packet.length >= 5) {
      const flags = packet.readUInt16LE(1);
      const link = this.#links.get(flags & 0x0fff);
      if (!link) return;
      this.sendToHost(encodeEvent(EVT_NUMBER_OF_COMPLETED_PACKETS, Buffer.from([1]), u16(link.handle), u16(1)));
      link.receive((flags >> 12) & 0b11, packet.subarray(5));
    }
  }

  /** Sends a packet to the host, stamped with the clock's time. Public, so that tests can send what no device would. */
  sendToHost(packet: Buffer, delivered?: (handedOver: boolean) => void): void {
    // With the first that passes: a packet may be doubled, or be held for a while.
    let told = delivered;
    this.interceptions.toHost(packet, (passed) => {
      const tell = told;
      told = undefined;
      this.#queue.push(passed, this.clock.now(), (handedOver) => {
        if (handedOver) this.onHandedOver?.(passed);
        tell?.(handedOver);
      });
    });
  }

  /** Link of a handle, or undefined. */
  link(handle: number): Link | undefined {
    return this.#links.get(handle);
  }

  /** Handle of a peripheral's link, or undefined. */
  handleOf(peripheral: VirtualPeripheral): number | undefined {
    for (const link of this.#links.values()) if (link.peripheral === peripheral) return link.handle;
    return undefined;
  }

  /** Connects the peripheral that the host waits for, as soon as it advertises. */
  tryConnect(): void {
    const wanted = this.pending;
    const peripheral = wanted && this.#peripherals.get(wanted.address);
    if (!wanted || !peripheral?.advertises || !peripheral.connectable) return;
    this.pending = undefined;
    const link = new Link(this.#freeHandle(), peripheral, this, wanted.central);
    this.#links.set(link.handle, link);
    this.sendConnectionComplete(STATUS_SUCCESS, link.handle, wanted);
    const failure = this.interceptions.onConnection(peripheral);
    if (failure === undefined) peripheral.accept(link);
    else this.drop(link.handle, failure);
  }

  /** LE Connection Complete (§7.7.65.1). */
  sendConnectionComplete(status: number, handle: number, peer: PendingConnection): void {
    const parameters = [u16(0x0018), u16(0), u16(0x002a), Buffer.from([0])];
    const head = [Buffer.from([status]), u16(handle), Buffer.from([0, peer.addressType]), encodeAddress(peer.address)];
    this.sendToHost(encodeLeEvent(LE_CONNECTION_COMPLETE, ...head, ...parameters));
  }

  /** Ends a link and tells the host; an unknown handle is answered with its status. */
  drop(handle: number, reason: number): number {
    const link = this.#links.get(handle);
    if (!link) return STATUS_UNKNOWN_CONNECTION;
    this.#links.delete(handle);
    this.sendToHost(encodeEvent(EVT_DISCONNECTION_COMPLETE, Buffer.from([0]), u16(handle), Buffer.from([reason])));
    link.peripheral.release(reason);
    return STATUS_SUCCESS;
  }

  /** HCI Reset, and what a power cycle does: links end, scanning stops, and nobody is told. */
  reset(): void {
    this.scanner.stop();
    this.pending = undefined;
    this.randomAddress = undefined;
    this.#queue.clear();
    const links = [...this.#links.values()];
    this.#links.clear();
    for (const link of links) link.peripheral.release(STATUS_LOCAL_HOST_ENDED);
  }

  #freeHandle(): number {
    // Handles are 12 bits, of which 0x0F00 and above are reserved (§5.3.1).
    do {
      this.#nextHandle = this.#nextHandle >= 0x0eff ? 0x0040 : this.#nextHandle + 1;
    } while (this.#links.has(this.#nextHandle));
    return this.#nextHandle;
  }
}
