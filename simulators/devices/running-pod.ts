/** A pod on the shoe: Running Speed and Cadence service 1814 (RSCS). */
import type { Decimal } from '../../protocol/decimal.ts';
import { encodeRscMeasurement } from '../../protocol/gatt/speed-cadence.ts';
import { u16 } from '../hci/hci-packets.ts';
import type { DeviceOptions } from './device-services.ts';
import { Wearable } from './wearable.ts';

const RSC_MEASUREMENT = 0x2a53;
/** 2A54: stride length, total distance, walking or running. */
const FEATURES = 0b111;

export interface Stride {
  /** 1/256 m/s. */
  readonly speedMps: Decimal;
  /** Steps of one foot or both per minute, as the pod counts. */
  readonly cadence: number;
  /** 0.01 m. */
  readonly strideM?: Decimal;
  /** Since the pod was reset, 0.1 m. */
  readonly distanceM?: Decimal;
  readonly running?: boolean;
}

export class RunningPod extends Wearable {
  constructor(options: DeviceOptions) {
    super(options, 'Running pod', [
      {
        uuid: 0x1814,
        characteristics: [
          { uuid: RSC_MEASUREMENT, properties: ['notify'] },
          { uuid: 0x2a54, properties: ['read'], value: u16(FEATURES) },
        ],
      },
    ]);
  }

  /** Notifies speed and cadence. False when nobody subscribed: a pod keeps nothing. Throws `range`. */
  run({ speedMps, cadence, strideM, distanceM, running = true }: Stride): Promise<boolean> {
    const more = { strideM: strideM ?? null, distanceM: distanceM ?? null };
    return this.send(RSC_MEASUREMENT, encodeRscMeasurement({ speedMps, cadence, running, ...more }));
  }

  /** Resolves when somebody listens. */
  whenHeard(): Promise<void> {
    return this.whenSubscribed(RSC_MEASUREMENT);
  }
}

export function createRunningPod(options: DeviceOptions): RunningPod {
  return new RunningPod(options);
}
