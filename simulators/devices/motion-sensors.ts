/** Sensors of movement: a running pod (Running Speed and Cadence 1814) and a cycling sensor (1816). They keep nothing. */
import { decimalToNumber } from '../../protocol/decimal.ts';
import { encodeCscMeasurement, encodeRscMeasurement, type RscMeasurement } from '../../protocol/gatt/speed-cadence.ts';
import type { DeviceOptions } from './device-services.ts';
import { Wearable } from './wearable.ts';

const RSC_MEASUREMENT = 0x2a53;
const CSC_MEASUREMENT = 0x2a5b;
const U16 = 0x1_0000;
const U32 = 0x1_0000_0000;
const TICKS_PER_SECOND = 1024;

export class RunningPod extends Wearable {
  constructor(options: DeviceOptions) {
    super(options, 'Running pod', [
      {
        uuid: 0x1814,
        characteristics: [
          { uuid: RSC_MEASUREMENT, properties: ['notify'] },
          { uuid: 0x2a54, properties: ['read'], value: Uint8Array.of(0b100, 0) }, // walking or running is told apart
        ],
      },
    ]);
  }

  /** Notifies speed in steps of 1/256 m/s, and steps a minute of one foot. False when nobody subscribed. */
  stride(measured: Pick<RscMeasurement, 'speedMps' | 'cadence'>): Promise<boolean> {
    const running = decimalToNumber(measured.speedMps) > 2;
    return this.send(RSC_MEASUREMENT, encodeRscMeasurement({ ...measured, strideM: null, distanceM: null, running }));
  }

  /** Resolves when somebody listens. */
  whenHeard(): Promise<void> {
    return this.whenSubscribed(RSC_MEASUREMENT);
  }
}

export class CyclingSensor extends Wearable {
  #wheel = 0;
  #crank = 0;
  #ticks = 0;

  constructor(options: DeviceOptions) {
    super(options, 'Cycling sensor', [
      {
        uuid: 0x1816,
        characteristics: [
          { uuid: CSC_MEASUREMENT, properties: ['notify'] },
          { uuid: 0x2a5c, properties: ['read'], value: Uint8Array.of(0b11, 0) }, // wheel and crank
        ],
      },
    ]);
  }

  /** Turns wheel and crank for so many seconds, and notifies the counters, which wrap. False when nobody subscribed. */
  ride(seconds: number, wheelRevolutions: number, crankRevolutions: number): Promise<boolean> {
    this.#wheel = (this.#wheel + wheelRevolutions) % U32;
    this.#crank = (this.#crank + crankRevolutions) % U16;
    this.#ticks = (this.#ticks + Math.round(seconds * TICKS_PER_SECOND)) % U16;
    const value = encodeCscMeasurement({
      wheelRevs: this.#wheel,
      wheelTime1024: this.#ticks,
      crankRevs: this.#crank,
      crankTime1024: this.#ticks,
    });
    return this.send(CSC_MEASUREMENT, value);
  }

  /** Resolves when somebody listens. */
  whenHeard(): Promise<void> {
    return this.whenSubscribed(CSC_MEASUREMENT);
  }
}

export function createRunningPod(options: DeviceOptions): RunningPod {
  return new RunningPod(options);
}

export function createCyclingSensor(options: DeviceOptions): CyclingSensor {
  return new CyclingSensor(options);
}
