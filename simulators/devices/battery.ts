/** The battery of a wearable: a level that somebody sets, or one that runs down with simulated time. */
import { encodeBatteryLevel } from '../../protocol/gatt/battery.ts';
import { encodeBatteryLevelStatus } from '../../protocol/gatt/battery-status.ts';

const HOUR_MS = 3_600_000;
/** Percent below which a battery is low, and critical. */
const LOW = 20;
const CRITICAL = 5;

export interface BatteryOptions {
  /** Milliseconds since the Unix epoch, of simulated time. */
  readonly clock: { now(): number };
  /** Hours from full to empty. */
  readonly lastsH: number;
  /** Level at the start; full by default. */
  readonly percent?: number;
}

export class Battery {
  readonly #options: BatteryOptions | undefined;
  #percent: number;
  #since: number;

  constructor(options?: BatteryOptions) {
    if (options && !(options.lastsH > 0)) throw new RangeError('a battery lasts for some time');
    this.#options = options;
    this.#percent = options?.percent ?? 100;
    this.#since = options?.clock.now() ?? 0;
  }

  get runsDown(): boolean {
    return this.#options !== undefined;
  }

  /** 0 to 100, whole. A clock that is set back charges nothing. */
  get percent(): number {
    if (!this.#options) return this.#percent;
    const { clock, lastsH } = this.#options;
    const used = (Math.max(0, clock.now() - this.#since) / (lastsH * HOUR_MS)) * 100;
    return Math.max(0, Math.floor(this.#percent - used));
  }

  /** From here on it has this much. Throws `range`. */
  set(percent: number): void {
    encodeBatteryLevel({ percent });
    this.#percent = percent;
    this.#since = this.#options?.clock.now() ?? 0;
  }

  /** 2A19. */
  level(): Uint8Array {
    return encodeBatteryLevel({ percent: this.percent });
  }

  /** 2BED. */
  status(): Uint8Array {
    const { percent } = this;
    return encodeBatteryLevelStatus({
      present: true,
      wired: 'no',
      wireless: 'no',
      chargeState: 'activeDischarging',
      chargeLevel: percent < CRITICAL ? 'critical' : percent < LOW ? 'low' : 'good',
      chargingType: 'unknown',
      chargingFaults: [],
      identifier: null,
      percent,
      additional: null,
    });
  }
}
