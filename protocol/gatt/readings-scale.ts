/** Readings of scales: Weight Measurement 2A9D and Body Composition Measurement 2A9C. */
import { copyBytes } from '../bytes.ts';
import type { Decimal, SensorValue } from '../decimal.ts';
import { MDC } from '../vital-signs.ts';
import {
  type BodyCompositionMeasurement,
  decodeBodyCompositionMeasurement,
  mergeBodyComposition,
} from './body-composition.ts';
import {
  type Details,
  deviceClockOf,
  flagsOf,
  type Measurement,
  measurement,
  type ReadingContext,
  readable,
  userOf,
} from './measured-vital.ts';
import { type Attempt, decodeWeightMeasurement, type MassUnit } from './weight-scale.ts';

/** UCUM units of masses and lengths. */
const MASS: Readonly<Record<MassUnit, string>> = { kg: 'kg', lb: '[lb_av]' };
const LENGTH: Readonly<Record<MassUnit, string>> = { kg: 'm', lb: '[in_i]' };

/** A failed attempt is a measurement that gave no number. */
function attempted(value: Attempt): SensorValue {
  return value === 'unsuccessful' ? 'NaN' : value;
}

/** 2A9D. */
export function weightReadings(bytes: Uint8Array): Measurement {
  const decoded = decodeWeightMeasurement(bytes);
  const { weight, unit, bmi, height } = decoded;
  const shared = { flags: flagsOf([], decoded), ...deviceClockOf(decoded.timestamp), ...userOf(decoded.userId) };
  const readings: Details[] = [{ vital: MDC.weight, value: attempted(weight), unit: MASS[unit], ...shared }];
  if (bmi !== null) readings.push({ vital: MDC.bodyMassIndex, value: bmi, unit: 'kg/m2', ...shared });
  if (height !== null) readings.push({ vital: MDC.height, value: height, unit: LENGTH[unit], ...shared });
  return measurement(bytes, readings);
}

/**
 * 2A9C. Of two values that make one measurement each gives the readings of its own fields; the second, whose companion is
 * the first, takes date and user from it and does not give the body fat again. Basal metabolism, muscle and impedance
 * have no code here and stay in the raw bytes.
 */
export function bodyCompositionReadings(bytes: Uint8Array, { companion }: ReadingContext): Measurement {
  const decoded = decodeBodyCompositionMeasurement(bytes);
  const first = readable(companion, decodeBodyCompositionMeasurement);
  const merged = first && mergeBodyComposition(first, decoded);
  const { timestamp, userId } = merged ?? decoded;
  const shared = {
    flags: flagsOf([], decoded),
    ...deviceClockOf(timestamp),
    ...userOf(userId),
    ...(merged && companion && { companion: copyBytes(companion) }),
  };
  const found = merged ? fieldsOf(decoded) : [bodyFatOf(decoded), ...fieldsOf(decoded)];
  return measurement(
    bytes,
    found.map((field) => ({ ...field, ...shared })),
  );
}

type Field = Pick<Details, 'vital' | 'value' | 'unit'>;

function bodyFatOf({ bodyFatPct }: BodyCompositionMeasurement): Field {
  return { vital: MDC.bodyFat, value: attempted(bodyFatPct), unit: '%' };
}

function fieldsOf(decoded: BodyCompositionMeasurement): Field[] {
  const { unit, fatFreeMass, softLeanMass, bodyWaterMass, weight, height } = decoded;
  const fields: readonly [vital: number, value: Decimal | null, unit: string][] = [
    [MDC.fatFreeMass, fatFreeMass, MASS[unit]],
    [MDC.softLeanMass, softLeanMass, MASS[unit]],
    [MDC.bodyWater, bodyWaterMass, MASS[unit]],
    [MDC.weight, weight, MASS[unit]],
    [MDC.height, height, LENGTH[unit]],
  ];
  return fields.flatMap(([vital, value, name]) => (value === null ? [] : [{ vital, value, unit: name }]));
}
