/**
 * A blood glucose meter: Glucose service 1808 (GLS). It stores every measurement, tells a new one to who listens, and
 * gives the stored ones through its Record Access Control Point.
 */
import type { SensorValue } from '../../protocol/decimal.ts';
import { wallClockToDateTime } from '../../protocol/gatt/date-time.ts';
import { encodeGlucoseFeature, encodeGlucoseMeasurement, type GlucoseStatusFlag } from '../../protocol/gatt/glucose.ts';
import { encodeGlucoseContext, type GlucoseContext } from '../../protocol/gatt/glucose-context.ts';
import type { WallClock } from '../../protocol/time.ts';
import type { ServiceDeclaration } from '../hci/gatt-database.ts';
import {
  type DeviceClock,
  declareCareSensClock,
  declareContourClock,
  declareCurrentTime,
  declareDateTime,
} from './device-clock.ts';
import type { DeviceOptions } from './device-services.ts';
import { type RacpBehavior, RacpServer } from './racp-server.ts';
import { Wearable } from './wearable.ts';

export const GLUCOSE_MEASUREMENT = 0x2a18;
export const GLUCOSE_CONTEXT = 0x2a34;
const SEQUENCES = 0x10000;

/** How the meter's clock is told and set, where it is. */
export type MeterClock = 'date-time-in-service' | 'current-time' | 'contour' | 'care-sens';

export interface GlucoseMeterOptions extends DeviceOptions {
  readonly records?: RacpBehavior;
  readonly clock?: { readonly as: MeterClock; readonly clock: DeviceClock };
  /** Number of the first record; they wrap at 65535. */
  readonly firstSequence?: number;
  /** Numbers fall: the newest record has the lowest. */
  readonly reversed?: boolean;
}

export interface MeterMeasurement {
  /** kg/L, or mol/L where `unit` says so. */
  readonly concentration: SensorValue;
  readonly unit?: 'kg/L' | 'mol/L';
  /** What the meter's clock showed. */
  readonly at: WallClock;
  /** Minutes from that to what its owner sees. */
  readonly offsetMin?: number;
  /** Measured in control solution, not in blood. */
  readonly control?: boolean;
  readonly status?: readonly GlucoseStatusFlag[];
  readonly context?: Partial<Omit<GlucoseContext, 'sequence' | 'unknownOctets'>>;
}

const NO_CONTEXT = {
  extFlags: null,
  carb: null,
  carbKg: null,
  meal: null,
  tester: null,
  health: null,
  exerciseS: null,
  exercisePct: null,
  medication: null,
  medicationValue: null,
  medicationUnit: null,
  hba1cPct: null,
} as const;

export class GlucoseMeter extends Wearable {
  readonly memory: RacpServer;
  readonly #reversed: boolean;
  #sequence: number;

  constructor(options: GlucoseMeterOptions) {
    const { clock, records = {}, firstSequence = 1, reversed = false } = options;
    const memory = new RacpServer([GLUCOSE_MEASUREMENT, GLUCOSE_CONTEXT], records);
    const service: ServiceDeclaration = {
      uuid: 0x1808,
      characteristics: [
        { uuid: GLUCOSE_MEASUREMENT, properties: ['notify'] },
        { uuid: GLUCOSE_CONTEXT, properties: ['notify'] },
        { uuid: 0x2a51, properties: ['read'], value: encodeGlucoseFeature({ raw: 0b11_1111_1111 }) },
        memory.declaration,
        ...(clock?.as === 'date-time-in-service' ? [declareDateTime(clock.clock)] : []),
      ],
    };
    const clocks = [
      ...(clock?.as === 'current-time' ? [declareCurrentTime(clock.clock)] : []),
      ...(clock?.as === 'contour' ? [declareContourClock(clock.clock)] : []),
      ...(clock?.as === 'care-sens' ? [declareCareSensClock(clock.clock)] : []),
    ];
    super(options, 'Glucose meter', [service, ...clocks]);
    this.memory = memory;
    memory.attach(this);
    this.#reversed = reversed;
    this.#sequence = firstSequence;
  }

  /** Stores a measurement, and sends it where somebody listens. Gives its sequence number. Throws `range`. */
  async measure(measurement: MeterMeasurement): Promise<number> {
    const { concentration, unit = 'kg/L', at, offsetMin, control = false, status, context } = measurement;
    const sequence = this.#sequence;
    const value = encodeGlucoseMeasurement({
      sequence,
      baseTime: wallClockToDateTime(at),
      offsetMin: offsetMin ?? null,
      concentration,
      unit,
      type: control ? 'control' : 'capillaryWhole',
      location: control ? 'control' : 'finger',
      status: status ?? null,
      contextFollows: context !== undefined,
    });
    const values = [{ characteristic: GLUCOSE_MEASUREMENT, value }];
    if (context) {
      const octets = encodeGlucoseContext({ ...NO_CONTEXT, ...context, sequence });
      values.push({ characteristic: GLUCOSE_CONTEXT, value: octets });
    }
    this.#sequence = (sequence + (this.#reversed ? SEQUENCES - 1 : 1)) % SEQUENCES;
    this.memory.store({ number: sequence, values });
    for (const one of values) await this.send(one.characteristic, one.value);
    return sequence;
  }

  /** Everything stored is gone, and numbers begin anew. */
  resetToFactory(): void {
    this.memory.clear();
    this.#sequence = 1;
  }

  /** Resolves when somebody listens for measurements. */
  whenHeard(): Promise<void> {
    return this.whenSubscribed(GLUCOSE_MEASUREMENT);
  }
}

export function createGlucoseMeter(options: GlucoseMeterOptions): GlucoseMeter {
  return new GlucoseMeter(options);
}
