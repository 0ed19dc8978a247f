/** Which wearables are near, while a patient looks for theirs: what was heard, newest first, bounded. */
import { DEVICE_KINDS, deviceKindOf } from '../protocol/device-kind.ts';
import { profileOf } from '../protocol/devices/device-profile.ts';
import { type FoundDevice, MAX_FOUND, MAX_NAME } from '../protocol/report.ts';
import type { Clock } from '../protocol/time.ts';
import type { Advertised } from './radio/radio-events.ts';

/** From one report to the next. */
const EVERY_MS = 1000;

export interface ScanReportOptions {
  readonly realNow: Clock;
  readonly report: (devices: readonly FoundDevice[]) => void;
}

export class ScanReport {
  readonly #options: ScanReportOptions;
  readonly #found = new Map<string, FoundDevice>();
  #until = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ScanReportOptions) {
    this.#options = options;
  }

  /** Reports for so long from now; 0 ends it and forgets what was heard. */
  run(forMs: number): void {
    this.#until = this.#options.realNow() + forMs;
    if (forMs === 0) this.stop();
    else this.#timer ??= setInterval(() => this.#tick(), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#found.clear();
  }

  /** Takes in an advertisement. What is no wearable that we know how to hear is nobody's business. */
  heard({ address, addressType, localName, serviceUuids, rssi }: Advertised): void {
    if (!this.#timer) return;
    const kind = deviceKindOf(serviceUuids);
    const { name: profile } = profileOf({ name: localName, services: serviceUuids });
    if (kind === DEVICE_KINDS.at(-1) && profile === 'generic') return;
    const name = localName?.slice(0, MAX_NAME) ?? this.#found.get(address)?.name;
    const heardAt = this.#options.realNow();
    this.#found.delete(address);
    this.#found.set(address, { address, addressType, ...(name && { name }), kind, profile, rssi, heardAt });
    if (this.#found.size > MAX_FOUND) this.#found.delete(this.#found.keys().next().value!);
  }

  #tick(): void {
    if (this.#options.realNow() >= this.#until) this.stop();
    else this.#options.report([...this.#found.values()].reverse());
  }
}
