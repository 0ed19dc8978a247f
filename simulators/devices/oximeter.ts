/**
 * A finger oximeter: Pulse Oximeter service 1822 (PLXS), continuous values and spot-checks. With a memory it stores
 * spot-checks, and gives them all through its Record Access Control Point: PLXS knows no part of them.
 */
import type { SensorValue } from '../../protocol/decimal.ts';
import { wallClockToDateTime } from '../../protocol/gatt/date-time.ts';
import {
  encodePlxContinuousMeasurement,
  encodePlxFeatures,
  encodePlxSpotCheckMeasurement,
  type PlxMeasurementStatus,
  type PlxSensorStatus,
} from '../../protocol/gatt/pulse-oximeter.ts';
import { RACP_OPERATOR } from '../../protocol/gatt/racp.ts';
import type { WallClock } from '../../protocol/time.ts';
import type { DeviceOptions } from './device-services.ts';
import { type RacpBehavior, RacpServer } from './racp-server.ts';
import { Wearable } from './wearable.ts';

const SPOT_CHECK = 0x2a5e;
const CONTINUOUS = 0x2a5f;
/** 2A60: measurement status, sensor status, timestamps and pulse amplitude index are supported. */
const FEATURES = 0b100_1011;
/** 2A60: measurements are stored. */
const STORES = 0b100;

export interface OximeterMeasurement {
  /** Oxygen saturation, %. */
  readonly spo2: SensorValue;
  /** Beats per minute. */
  readonly pulse: SensorValue;
  /** Pulse amplitude index, %. */
  readonly pai?: SensorValue;
  readonly measurementStatus?: readonly PlxMeasurementStatus[];
  readonly sensorStatus?: readonly PlxSensorStatus[];
}

export class Oximeter extends Wearable {
  /** Stored spot-checks, where the oximeter was created with them. */
  readonly memory: RacpServer | undefined;

  constructor(options: DeviceOptions & { readonly records?: RacpBehavior }) {
    const memory = options.records
      ? new RacpServer([SPOT_CHECK], { filters: false, operators: [RACP_OPERATOR.all], ...options.records })
      : undefined;
    super(options, 'Oximeter', [
      {
        uuid: 0x1822,
        characteristics: [
          { uuid: SPOT_CHECK, properties: ['indicate'] },
          { uuid: CONTINUOUS, properties: ['notify'] },
          {
            uuid: 0x2a60,
            properties: ['read'],
            value: encodePlxFeatures({
              raw: FEATURES | (memory ? STORES : 0),
              measurementStatusSupport: [],
              sensorStatusSupport: [],
            }),
          },
          ...(memory ? [memory.declaration] : []),
        ],
      },
    ]);
    this.memory = memory;
    memory?.attach(this);
  }

  /** Notifies a continuous value, which carries no time. False when nobody subscribed. */
  stream(measurement: OximeterMeasurement): Promise<boolean> {
    return this.send(CONTINUOUS, encodePlxContinuousMeasurement({ ...fieldsOf(measurement), fast: null, slow: null }));
  }

  /** Indicates a spot-check. True once it is confirmed, false when nobody subscribed. */
  spotCheck(measurement: OximeterMeasurement & { readonly at?: WallClock }): Promise<boolean> {
    const timestamp = measurement.at === undefined ? null : wallClockToDateTime(measurement.at);
    const value = encodePlxSpotCheckMeasurement({ ...fieldsOf(measurement), timestamp, clockNotSet: false });
    this.memory?.store({ number: this.memory.records.length, values: [{ characteristic: SPOT_CHECK, value }] });
    return this.send(SPOT_CHECK, value);
  }

  /** Resolves when somebody listens for continuous values. */
  whenHeard(): Promise<void> {
    return this.whenSubscribed(CONTINUOUS);
  }
}

function fieldsOf({ spo2, pulse, pai, measurementStatus, sensorStatus }: OximeterMeasurement) {
  return {
    spo2,
    pr: pulse,
    pai: pai ?? null,
    measurementStatus: measurementStatus ?? null,
    sensorStatus: sensorStatus ?? null,
  };
}

export function createOximeter(options: ConstructorParameters<typeof Oximeter>[0]): Oximeter {
  return new Oximeter(options);
}
