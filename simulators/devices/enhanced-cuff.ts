/**
 * A blood pressure cuff of BLS 1.1: it indicates Enhanced Blood Pressure Measurements 2B34, stores each, and gives the
 * stored ones as Blood Pressure Records 2B36, in segments and with check sums, through its Record Access Control Point.
 */
import type { SensorValue } from '../../protocol/decimal.ts';
import { encodeBloodPressureFeature } from '../../protocol/gatt/blood-pressure.ts';
import { encodeBloodPressureRecord } from '../../protocol/gatt/blood-pressure-record.ts';
import { appendCrc, crc16 } from '../../protocol/gatt/crc16.ts';
import { encodeEnhancedBloodPressureMeasurement } from '../../protocol/gatt/enhanced-blood-pressure.ts';
import { splitIntoSegments } from '../../protocol/gatt/segments.ts';
import { ByteWriter } from '../../protocol/gatt/writer.ts';
import { type WallClock, wallClockToInstant } from '../../protocol/time.ts';
import type { DeviceOptions } from './device-services.ts';
import { type RacpBehavior, RacpServer, type StoredRecord } from './racp-server.ts';
import { Wearable } from './wearable.ts';

const ENHANCED_MEASUREMENT = 0x2b34;
export const BLOOD_PRESSURE_RECORD = 0x2b36;
/** 2A49: body movement, cuff fit, irregular pulse, pulse range and position can be told; records carry a check sum. */
const FEATURES = 0b101_1111;
/** Octets of a record in one segment: what is left of the smallest MTU. */
const SEGMENT_OCTETS = 15;
const SEQUENCES = 0x10000;

export interface EnhancedCuffMeasurement {
  /** mmHg. */
  readonly systolic: SensorValue;
  readonly diastolic: SensorValue;
  /** Mean arterial pressure. */
  readonly map: SensorValue;
  /** Beats per minute. */
  readonly pulse?: SensorValue;
  /** What the cuff's clock shows, local. */
  readonly at: WallClock;
  /** The same moment in UTC, where the cuff knows it. */
  readonly utc?: WallClock;
}

export class EnhancedCuff extends Wearable {
  readonly memory: RacpServer;
  #sequence: number;

  constructor(options: DeviceOptions & { readonly records?: RacpBehavior; readonly firstSequence?: number }) {
    const memory = new RacpServer([BLOOD_PRESSURE_RECORD], options.records);
    super(options, 'Cuff with a memory', [
      {
        uuid: 0x1810,
        characteristics: [
          { uuid: ENHANCED_MEASUREMENT, properties: ['indicate'] },
          { uuid: BLOOD_PRESSURE_RECORD, properties: ['notify'] },
          { uuid: 0x2a49, properties: ['read'], value: encodeBloodPressureFeature({ raw: FEATURES }) },
          memory.declaration,
        ],
      },
    ]);
    this.memory = memory;
    memory.attach(this);
    this.#sequence = options.firstSequence ?? 1;
  }

  /** Stores a measurement, and indicates it where somebody listens. Gives its octets. Throws `range`. */
  async measure({ systolic, diastolic, map, pulse, at, utc }: EnhancedCuffMeasurement): Promise<Uint8Array> {
    const value = encodeEnhancedBloodPressureMeasurement({
      systolic,
      diastolic,
      map,
      unit: 'mmHg',
      epoch: 2000,
      timestampS: utc === undefined ? null : secondsSince2000(utc),
      pulseRate: pulse ?? null,
      userId: null,
      status: null,
      userFacingTimeS: secondsSince2000(at),
    });
    this.memory.store(recordOf(this.#sequence, value));
    this.#sequence = (this.#sequence + 1) % SEQUENCES;
    await this.send(ENHANCED_MEASUREMENT, value);
    return value;
  }

  /** Resolves when somebody listens for measurements. */
  whenHeard(): Promise<void> {
    return this.whenSubscribed(ENHANCED_MEASUREMENT);
  }
}

function secondsSince2000(wallClock: WallClock): number {
  return (wallClockToInstant(wallClock, 0) - Date.UTC(2000, 0, 1)) / 1000;
}

function recordOf(sequence: number, value: Uint8Array): StoredRecord {
  const uuid = ENHANCED_MEASUREMENT.toString(16).toUpperCase();
  const covered = new ByteWriter().u16(sequence).u16(ENHANCED_MEASUREMENT).bytes(value).take();
  const data = appendCrc(value, crc16(covered));
  const values = splitIntoSegments(data, SEGMENT_OCTETS).map((segment) => ({
    characteristic: BLOOD_PRESSURE_RECORD,
    value: encodeBloodPressureRecord({ ...segment, sequence, uuid }),
  }));
  return { number: sequence, values };
}

export function createEnhancedCuff(options: ConstructorParameters<typeof EnhancedCuff>[0]): EnhancedCuff {
  return new EnhancedCuff(options);
}
