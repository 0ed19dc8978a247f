/** What a value is read into, and what the families of readings share. */
import { copyBytes } from '../bytes.ts';
import type { SensorValue } from '../decimal.ts';
import { isFault } from '../fault.ts';
import type { WallClock } from '../time.ts';
import { type DateTime, dateTimeToWallClock } from './date-time.ts';
import { type QualityFlag, sortFlags } from './quality.ts';

/** One vital sign as one characteristic value gives it. */
export interface MeasuredVital {
  /** MDC code: a row of the vital-sign table; for a blood pressure the panel 150020. */
  readonly vital: number;
  /** Absent for a panel. A special value is kept: a failed measurement happened too. */
  readonly value?: SensorValue;
  /** Parts of a panel, in the order of the table. */
  readonly components?: readonly { readonly vital: number; readonly value: SensorValue }[];
  /** UCUM, as the sensor gave it: nothing is converted but by a shift of the exponent. */
  readonly unit: string;
  /** Sorted, without repetition. */
  readonly flags: readonly QualityFlag[];
  /** MDC code of where it was taken (a temperature, a drop of blood), when the device said so. */
  readonly site?: number;
  /** The device's own time of measurement; absent unless it gave a full and possible date. */
  readonly deviceClock?: WallClock;
  /** Minutes that the device clock is east of UTC, daylight saving included; absent unless the device said so. */
  readonly zoneMin?: number;
  /** Which of the device's users; absent where it names none or does not know. */
  readonly userIndex?: number;
  /** The device's own number of the record, 0..65535, which wraps; absent where it has none. */
  readonly deviceSequence?: number;
  /** The device itself says that this is for demonstration or for testing it: never a measurement of a patient. */
  readonly isTest?: true;
  /** The characteristic value, for CGM the single record: a copy, which gives the same reading again. */
  readonly raw: Uint8Array;
  /** The device profile without which the bytes would read otherwise; absent where the standard says it all. */
  readonly profile?: string;
  /** {@link ReadingContext.companion}, a copy, where the reading rests on it. */
  readonly companion?: Uint8Array;
  /** {@link ReadingContext.feature}, a copy, where the reading rests on it. */
  readonly feature?: Uint8Array;
}

/**
 * What the identifier beside a value is. Absent: the UUID of a characteristic. `service-data`: the UUID of the service
 * under which it was advertised. `manufacturer-data`: the identifier of the company, which the value begins with.
 */
export const CARRIERS = ['service-data', 'manufacturer-data'] as const;
export type Carrier = (typeof CARRIERS)[number];

/** What must be known besides the value. */
export interface ReadingContext {
  /** Value of CGM Session Start Time 2AAA; without it a CGM reading has no device clock. */
  readonly sessionStart?: Uint8Array;
  /** Name of the device's profile; only its value quirks matter. */
  readonly profile?: string;
  /**
   * The value that belongs to this one: for 2A18 the context 2A34 of its sequence number, for the second of two values
   * 2A9C that make one measurement the first. What does not belong is not looked at.
   */
  readonly companion?: Uint8Array;
  /**
   * Value of the service's feature characteristic: 2A49, 2A51, 2A60 or 2AA8. Status that the device does not claim to
   * give means nothing. Without it, and when it cannot be read, all status counts.
   */
  readonly feature?: Uint8Array;
  readonly carrier?: Carrier;
}

/**
 * Why something in a value is no reading. `control-solution`: the meter was being checked. `ketone`: no code is known
 * for it. `context-missing`: without its context nobody knows what was measured. `no-value`: the device sent none.
 * `unknown-code`, `unknown-unit`: not in the vital-sign table. `not-numeric`: no number. `repeated`: the same vital
 * sign at the same time again within one value. `unsettled`: a scale on which somebody still moves, or stands no more.
 * `segment`: a part of a value that has to be joined first.
 */
export type NotAResult =
  | 'control-solution'
  | 'ketone'
  | 'context-missing'
  | 'no-value'
  | 'unknown-code'
  | 'unknown-unit'
  | 'not-numeric'
  | 'repeated'
  | 'unsettled'
  | 'segment';

/** All that a value gives. */
export interface Measurement {
  /** In a fixed order; no two of one vital sign at one time. */
  readonly readings: readonly MeasuredVital[];
  /** One for each thing that is no reading. */
  readonly notResults: readonly NotAResult[];
}

/** A reading but for the raw bytes, which are the same for all of a value. */
export type Details = Omit<MeasuredVital, 'raw'>;

/** How the values of one characteristic are read. */
export type Reader = (bytes: Uint8Array, context: ReadingContext) => Measurement;

/** The readings of a value. */
export function measurement(
  bytes: Uint8Array,
  readings: readonly Details[],
  notResults: readonly NotAResult[] = [],
): Measurement {
  const seen = new Set<string>();
  const first = readings.filter(({ vital, deviceClock }) => {
    const key = `${vital} ${deviceClock}`;
    return !seen.has(key) && seen.add(key);
  });
  const repeated = Array.from({ length: readings.length - first.length }, (): NotAResult => 'repeated');
  return {
    readings: first.map((reading) => ({ ...reading, raw: copyBytes(bytes) })),
    notResults: [...notResults, ...repeated],
  };
}

/** A value that holds no reading. */
export function notAResult(...notResults: NotAResult[]): Measurement {
  return { readings: [], notResults };
}

/** Flags, with `unknown-octets` where there are any. */
export function flagsOf(
  flags: readonly QualityFlag[],
  { unknownOctets }: { readonly unknownOctets: number },
): QualityFlag[] {
  return sortFlags(unknownOctets > 0 ? [...flags, 'unknown-octets'] : flags);
}

/** The device's clock, if it is one. */
export function deviceClockOf(timestamp: DateTime | null): Pick<MeasuredVital, 'deviceClock'> {
  const deviceClock = timestamp === null ? undefined : dateTimeToWallClock(timestamp);
  return deviceClock === undefined ? {} : { deviceClock };
}

const UNKNOWN_USER = 0xff;

/** The device's user, if it knows. */
export function userOf(userId: number | null): Pick<MeasuredVital, 'userIndex'> {
  return userId === null || userId === UNKNOWN_USER ? {} : { userIndex: userId };
}

/** A number without decimals. */
export function whole(mantissa: number): SensorValue {
  return { mantissa, exponent: 0 };
}

/** What a value says beside the one that is read; undefined when there is none, or none that can be read. */
export function readable<T>(bytes: Uint8Array | undefined, decode: (bytes: Uint8Array) => T): T | undefined {
  if (bytes === undefined) return undefined;
  try {
    return decode(bytes);
  } catch (error) {
    if (isFault(error)) return undefined;
    throw error;
  }
}
