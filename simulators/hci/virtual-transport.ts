/**
 * The host's end of a {@link VirtualController} in the same process. It has the surface of the agent's `HciTransport`
 * port, which it does not import: a simulator stands beside the agent, not inside it.
 */
import { EventEmitter } from 'node:events';
import type { VirtualController } from './virtual-controller.ts';

/** In-process transport. Emits `data` with one H4 packet, at the packet's own simulated time. */
export class VirtualTransport extends EventEmitter {
  /** The controller's clock; while a packet is handed over, the instant at which that packet was sent. */
  readonly clock: { now(): number };
  readonly #controller: VirtualController;
  #stamp: number | undefined;
  #started = false;
  #powered = true;
  #outageShown = true;
  #closed = false;

  constructor(controller: VirtualController) {
    super();
    this.#controller = controller;
    this.clock = { now: () => this.#stamp ?? controller.clock.now() };
    controller.attach((packet, stamp) => this.#hand(packet, stamp));
  }

  bindRaw(deviceId?: number): number {
    return deviceId ?? 0;
  }

  bindUser(deviceId?: number): number {
    return deviceId ?? 0;
  }

  start(): void {
    this.#started = true;
  }

  stop(): void {
    this.#started = false;
  }

  /** An outage, however short, shows once at least: a host that never saw it would go on with links that are gone. */
  isDevUp(): boolean {
    const isUp = this.#powered && this.#outageShown;
    this.#outageShown = true;
    return isUp;
  }

  setFilter(_filter: Buffer): void {}

  reset(): void {
    this.#controller.reset();
  }

  getDeviceList(): { devId: number; devUp: boolean }[] {
    return [{ devId: 0, devUp: this.#powered }];
  }

  /** Hands one H4 packet to the controller. Never throws; dropped when closed or without power. */
  write(packet: Buffer): void {
    if (!this.#closed && this.#powered) this.#controller.receive(packet);
  }

  /** Switches the adapter off or on, as a user or a loose plug would. */
  setPower(on: boolean): void {
    this.#powered = on;
    if (on) return;
    this.#outageShown = false;
    this.#controller.reset();
  }

  /** Ends all links and leaves the controller without a host. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#started = false;
    this.#controller.attach(undefined);
    this.#controller.reset();
  }

  #hand(packet: Buffer, stamp: number): undefined {
    if (!this.#started) return;
    this.#stamp = stamp;
    try {
      this.emit('data', packet);
    } finally {
      this.#stamp = undefined;
    }
  }
}

/** Attaches to a controller as its only host. */
export function openVirtualTransport(controller: VirtualController): VirtualTransport {
  return new VirtualTransport(controller);
}
