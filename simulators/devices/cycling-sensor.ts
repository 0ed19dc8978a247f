/**
 * A sensor on the bicycle: Cycling Speed and Cadence service 1816 (CSCS). Its counters of revolutions and the times of the
 * last ones only grow, and wrap: wheel at 2^32, crank at 2^16, times at 64 s.
 */
import { encodeCscMeasurement } from '../../protocol/gatt/speed-cadence.ts';
import { u16 } from '../hci/hci-packets.ts';
import type { DeviceOptions } from './device-services.ts';
import { Wearable } from './wearable.ts';

const CSC_MEASUREMENT = 0x2a5b;
/** 2A5C: wheel and crank revolutions. */
const FEATURES = 0b11;
const TICKS_PER_S = 1024;
const U16 = 0x1_0000;
const U32 = 0x1_0000_0000;

export interface Counters {
  readonly wheelRevs: number;
  /** 1/1024 s. */
  readonly wheelTime1024: number;
  readonly crankRevs: number;
  readonly crankTime1024: number;
}

/** What happened since the last time. */
export interface Ride {
  /** Real or simulated seconds; below a turn the time of the last one stands still. */
  readonly seconds: number;
  /** Whole turns. */
  readonly wheel: number;
  readonly crank: number;
}

export class CyclingSensor extends Wearable {
  #counters: Counters;
  /** The sensor's own clock. */
  #ticks: number;

  /** `counters` is where they stand at the start; zero by default. */
  constructor(options: DeviceOptions & { readonly counters?: Counters }) {
    super(options, 'Cycling sensor', [
      {
        uuid: 0x1816,
        characteristics: [
          { uuid: CSC_MEASUREMENT, properties: ['notify'] },
          { uuid: 0x2a5c, properties: ['read'], value: u16(FEATURES) },
        ],
      },
    ]);
    this.#counters = options.counters ?? { wheelRevs: 0, wheelTime1024: 0, crankRevs: 0, crankTime1024: 0 };
    this.#ticks = Math.max(this.#counters.wheelTime1024, this.#counters.crankTime1024);
  }

  get counters(): Counters {
    return this.#counters;
  }

  /** Counts, and notifies the counters. False when nobody subscribed: a sensor counts on, and keeps no values. */
  ride({ seconds, wheel, crank }: Ride): Promise<boolean> {
    this.#ticks += Math.round(seconds * TICKS_PER_S);
    const time = this.#ticks % U16;
    const before = this.#counters;
    this.#counters = {
      wheelRevs: (before.wheelRevs + wheel) % U32,
      wheelTime1024: wheel > 0 ? time : before.wheelTime1024,
      crankRevs: (before.crankRevs + crank) % U16,
      crankTime1024: crank > 0 ? time : before.crankTime1024,
    };
    return this.send(CSC_MEASUREMENT, encodeCscMeasurement(this.#counters));
  }

  /** Resolves when somebody listens. */
  whenHeard(): Promise<void> {
    return this.whenSubscribed(CSC_MEASUREMENT);
  }
}

export function createCyclingSensor(options: ConstructorParameters<typeof CyclingSensor>[0]): CyclingSensor {
  return new CyclingSensor(options);
}
