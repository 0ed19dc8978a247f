/** A sensor's value as a FHIR Quantity, or the reason why there is none. */
import { type Decimal, isDecimal, type SensorValue, type Special } from '../../protocol/decimal.ts';
import type { VitalSign } from '../../protocol/vital-signs.ts';
import { type CodeableConcept, DATA_ABSENT_REASON, type Quantity, UCUM_SYSTEM } from './elements.ts';
import { jsonDecimal } from './json.ts';

/** Exactly one of the two (FHIR R4 vs-2, vs-3). */
export type Measured = { readonly valueQuantity: Quantity } | { readonly dataAbsentReason: CodeableConcept };

// HL7 PHD PhdNumericObservation.dataAbsentReason: what has no code of its own is `error`.
const ABSENT: Readonly<Record<Special, string>> = {
  NaN: 'not-a-number',
  NRes: 'error',
  '+INF': 'positive-infinity',
  '-INF': 'negative-infinity',
  RFU: 'error',
};

/** UCUM prints badly; `unit` is for people. */
const UNIT_TEXT: Readonly<Record<string, string>> = {
  'mm[Hg]': 'mmHg',
  Cel: '°C',
  '[degF]': '°F',
  '[lb_av]': 'lb',
  '[in_i]': 'in',
  'kg/m2': 'kg/m²',
};

/** FHIR R4 iso21090-PQ-translation: the same quantity in another unit. */
const TRANSLATION = 'http://hl7.org/fhir/StructureDefinition/iso21090-PQ-translation';

/**
 * Units as the sensor gave them, but for those that a FHIR R4 vital-signs profile does not allow: then the sensor's own is
 * the translation.
 */
export function toMeasured(row: VitalSign | undefined, unit: string, value: SensorValue): Measured {
  if (!isDecimal(value)) return absentBecause(ABSENT[value]);
  // A unit that is no code could not be searched or compared, and a bare number would be taken for the usual unit.
  if (!/^[\x21-\x7e]{1,64}$/.test(unit)) return absentBecause('error');
  const original = quantity(value, unit);
  const convert = row && CONVERSIONS[`${unit} ${row.ucum}`];
  const converted = convert?.(value);
  if (!row || !converted) return { valueQuantity: original };
  return {
    valueQuantity: {
      extension: [{ url: TRANSLATION, valueQuantity: original }],
      ...quantity(converted, row.ucum),
    },
  };
}

/** From a device's unit to that of the row, where the FHIR R4 profile asks for it: bp, bodyheight. */
const CONVERSIONS: Readonly<Record<string, (value: Decimal) => Decimal | undefined>> = {
  'kPa mm[Hg]': kilopascalToMmHg,
  'm cm': ({ mantissa, exponent }) => ({ mantissa, exponent: exponent + 2 }),
};

/** A data-absent-reason in its code system. */
export function absentBecause(code: string): { readonly dataAbsentReason: CodeableConcept } {
  return { dataAbsentReason: { coding: [{ system: DATA_ABSENT_REASON, code }] } };
}

/**
 * Millimeters of mercury of a pressure in kPa, rounded to as many decimals as it came with: a step of the sensor is 7.5
 * steps of the result, so no two pressures fall together. `undefined` for a number that no pressure has.
 */
export function kilopascalToMmHg({ mantissa, exponent }: Decimal): Decimal | undefined {
  if (Math.abs(mantissa) > 1e12) return undefined;
  // UCUM: m[Hg] = 133.3220 kPa, so 1 kPa = 1000000 / 133322 mm[Hg]. Integers throughout; half away from zero.
  const doubled = BigInt(Math.abs(mantissa)) * 2_000_000n + 133_322n;
  const rounded = Number(doubled / 266_644n);
  return { mantissa: mantissa < 0 && rounded > 0 ? -rounded : rounded, exponent };
}

function quantity(value: Decimal, code: string): Quantity {
  return { value: jsonDecimal(value), unit: UNIT_TEXT[code] ?? code, system: UCUM_SYSTEM, code };
}
