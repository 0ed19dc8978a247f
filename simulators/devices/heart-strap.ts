/** A chest strap: Heart Rate service 180D (HRS). */
import { encodeBodySensorLocation, encodeHeartRateMeasurement } from '../../protocol/gatt/heart-rate.ts';
import type { ServiceDeclaration } from '../hci/gatt-database.ts';
import type { DeviceOptions } from './device-services.ts';
import { Wearable } from './wearable.ts';

const HEART_RATE_MEASUREMENT = 0x2a37;

/** What a strap says about once a second. */
export interface HeartBeat {
  /** Beats per minute. */
  readonly heartRate: number;
  /** Times between beats in 1/1024 s, oldest first; at most 8 fit the smallest MTU. */
  readonly rr1024?: readonly number[];
  /** Whether it is on the skin; true by default. */
  readonly contact?: boolean;
}

export class HeartStrap extends Wearable {
  /** `more`: what it measures besides. */
  constructor(options: DeviceOptions, more: readonly ServiceDeclaration[] = []) {
    super(options, 'Strap', [
      {
        uuid: 0x180d,
        characteristics: [
          { uuid: HEART_RATE_MEASUREMENT, properties: ['notify'] },
          { uuid: 0x2a38, properties: ['read'], value: encodeBodySensorLocation({ location: 'chest' }) },
        ],
      },
      ...more,
    ]);
  }

  /** Notifies a heart rate. True when the host has it; false when nobody subscribed: a strap keeps nothing. */
  beat({ heartRate, rr1024 = [], contact = true }: HeartBeat): Promise<boolean> {
    const measurement = { heartRate, rr1024, contactSupported: true, contactDetected: contact, energyKJ: null };
    return this.send(HEART_RATE_MEASUREMENT, encodeHeartRateMeasurement(measurement));
  }

  /** Resolves when somebody listens for heart rates. */
  whenHeard(): Promise<void> {
    return this.whenSubscribed(HEART_RATE_MEASUREMENT);
  }
}

export function createHeartStrap(options: DeviceOptions): HeartStrap {
  return new HeartStrap(options);
}
