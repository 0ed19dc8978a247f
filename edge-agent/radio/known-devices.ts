/**
 * The devices that the radio has heard and wanted. Devices with random addresses come under ever new ones, so those that
 * have been gone for long are forgotten here and in noble (defect 13), which keeps every address for ever.
 */
import type { Link } from './link.ts';
import type { NoblePeripheral } from './noble-internals.ts';

/** A device that is not connected and was not heard for so long is forgotten. */
const FORGET_AFTER_MS = 600_000;
/** No more idle devices than that are remembered; those heard longest ago go first. */
const MAX_IDLE = 512;
/** How many more than that may come between two clearings. */
const SLACK = 64;

export interface KnownDevice {
  readonly id: string;
  peripheral: NoblePeripheral;
  phase: 'lost' | 'heard' | 'queued' | 'connecting' | 'connected';
  connections: number;
  failures: number;
  /** Uptime before which it is not connected to. */
  notBeforeMs: number;
  /** Uptime at which it was last heard. */
  heardAtMs: number;
  /** Uptime at which its last link was made; below zero: never. */
  servedAtMs: number;
  /** It can be reached for seconds only. */
  brief: boolean;
  /** It was said that it waits for a link. */
  waiting: boolean;
  link: Link | undefined;
}

export class KnownDevices {
  readonly #byId = new Map<string, KnownDevice>();
  readonly #forget: (peripheral: NoblePeripheral) => void;
  /** Connections are counted on from here, so that no number comes twice for a device that was forgotten meanwhile. */
  #countFrom = 0;
  #clearedAtMs = 0;

  /** `forget` is told of each peripheral that nobody remembers any more. */
  constructor(forget: (peripheral: NoblePeripheral) => void) {
    this.#forget = forget;
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): KnownDevice | undefined {
    return this.#byId.get(id);
  }

  all(): KnownDevice[] {
    return [...this.#byId.values()];
  }

  add(id: string, peripheral: NoblePeripheral, nowMs: number): KnownDevice {
    const device: KnownDevice = {
      id,
      peripheral,
      phase: 'lost',
      connections: this.#countFrom,
      failures: 0,
      notBeforeMs: 0,
      heardAtMs: nowMs,
      servedAtMs: -1,
      brief: false,
      waiting: false,
      link: undefined,
    };
    this.#byId.set(id, device);
    if (nowMs - this.#clearedAtMs > FORGET_AFTER_MS / 10 || this.#byId.size > MAX_IDLE + SLACK)
      this.#clear(nowMs, device);
    return device;
  }

  /** A device that is not connected was heard, maybe under a new address. */
  heard(device: KnownDevice, peripheral: NoblePeripheral, nowMs: number): void {
    if (device.peripheral.id !== peripheral.id) this.#forget(device.peripheral);
    device.peripheral = peripheral;
    device.heardAtMs = nowMs;
  }

  #clear(nowMs: number, newest: KnownDevice): void {
    this.#clearedAtMs = nowMs;
    const idle = this.all().filter((device) => isIdle(device) && device !== newest);
    idle.sort((a, b) => a.heardAtMs - b.heardAtMs);
    const tooMany = this.#byId.size - MAX_IDLE;
    for (const [index, device] of idle.entries()) {
      if (index >= tooMany && nowMs - device.heardAtMs <= FORGET_AFTER_MS) break;
      this.#countFrom = Math.max(this.#countFrom, device.connections);
      this.#byId.delete(device.id);
      this.#forget(device.peripheral);
    }
  }
}

function isIdle({ phase }: KnownDevice): boolean {
  return phase === 'lost' || phase === 'heard';
}
