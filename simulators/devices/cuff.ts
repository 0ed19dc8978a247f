/** A blood pressure cuff: Blood Pressure service 1810 (BLS). It keeps measurements until each is confirmed. */
import type { SensorValue } from '../../protocol/decimal.ts';
import {
  encodeBloodPressureFeature,
  encodeBloodPressureMeasurement,
  encodeIntermediateCuffPressure,
  parseBloodPressureStatus,
} from '../../protocol/gatt/blood-pressure.ts';
import { wallClockToDateTime } from '../../protocol/gatt/date-time.ts';
import type { WallClock } from '../../protocol/time.ts';
import { type DeviceClock, declareCurrentTime, declareDateTime } from './device-clock.ts';
import type { DeviceOptions } from './device-services.ts';
import { MeasurementStore } from './measurement-store.ts';
import { Wearable } from './wearable.ts';

const BLOOD_PRESSURE_MEASUREMENT = 0x2a35;
const INTERMEDIATE_CUFF_PRESSURE = 0x2a36;
/** 2A49: body movement, cuff fit, irregular pulse, pulse range and position can be told. */
const FEATURES = 0b1_1111;

export interface CuffMeasurement {
  readonly systolic: SensorValue;
  readonly diastolic: SensorValue;
  /** Mean arterial pressure. */
  readonly map: SensorValue;
  readonly unit?: 'mmHg' | 'kPa';
  /** Beats per minute. */
  readonly pulse?: SensorValue;
  /** What the cuff's clock showed. */
  readonly at?: WallClock;
  readonly userId?: number;
  /** The 16 bits of Measurement Status. */
  readonly status?: number;
}

export interface CuffOptions extends DeviceOptions {
  /** How the cuff's clock is told and set, where it is. */
  readonly clock?: { readonly as: 'date-time-in-service' | 'current-time'; readonly clock: DeviceClock };
  /** It can show its pressure while it measures. */
  readonly intermediate?: boolean;
}

export class Cuff extends Wearable {
  readonly #store: MeasurementStore;

  constructor(options: CuffOptions) {
    const { clock } = options;
    const inService = clock?.as === 'date-time-in-service' ? [declareDateTime(clock.clock)] : [];
    const currentTime = clock?.as === 'current-time' ? [declareCurrentTime(clock.clock)] : [];
    super(options, 'Cuff', [
      {
        uuid: 0x1810,
        characteristics: [
          { uuid: BLOOD_PRESSURE_MEASUREMENT, properties: ['indicate'] },
          { uuid: 0x2a49, properties: ['read'], value: encodeBloodPressureFeature({ raw: FEATURES }) },
          ...inService,
          ...(options.intermediate ? [{ uuid: INTERMEDIATE_CUFF_PRESSURE, properties: ['notify'] as const }] : []),
        ],
      },
      ...currentTime,
    ]);
    this.#store = new MeasurementStore(this, BLOOD_PRESSURE_MEASUREMENT);
  }

  /** How many measurements nobody has confirmed yet. */
  get unsent(): number {
    return this.#store.size;
  }

  /** Takes a measurement. True once it is confirmed, false when it waits for a subscriber. */
  measure(measurement: CuffMeasurement): Promise<boolean> {
    const { systolic, diastolic, map, unit = 'mmHg', pulse, at, userId, status } = measurement;
    const value = encodeBloodPressureMeasurement({
      systolic,
      diastolic,
      map,
      unit,
      timestamp: at === undefined ? null : wallClockToDateTime(at),
      pulseRate: pulse ?? null,
      userId: userId ?? null,
      status: status === undefined ? null : parseBloodPressureStatus(status),
    });
    return this.#store.push(value);
  }

  /**
   * Notifies the pressure in the cuff while it measures, in mmHg: for display, and kept by nobody. False when nobody
   * subscribed. Throws `range`; rejects with a RangeError on a cuff without `intermediate`.
   */
  showPressure(pressure: SensorValue): Promise<boolean> {
    const value = { cuffPressure: pressure, unit: 'mmHg', timestamp: null, pulseRate: null, userId: null } as const;
    return this.send(INTERMEDIATE_CUFF_PRESSURE, encodeIntermediateCuffPressure({ ...value, status: null }));
  }

  /** Resolves when no measurement waits any more. */
  whenSent(): Promise<void> {
    return this.#store.whenEmpty();
  }

  /** Resolves when somebody listens for measurements. */
  whenHeard(): Promise<void> {
    return this.whenSubscribed(BLOOD_PRESSURE_MEASUREMENT);
  }
}

export function createCuff(options: CuffOptions): Cuff {
  return new Cuff(options);
}
