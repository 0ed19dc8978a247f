/**
 * Exact decimals as health devices send them: mantissa x 10^exponent, never a binary float. `2`, `2.0` and `2.00` are
 * three different values, because the exponent says how precise the sensor was (IEEE 11073-20601 F.8; HL7 PHD FLOATS).
 */
import { Fault } from './fault.ts';

/** mantissa x 10^exponent, both safe integers. */
export interface Decimal {
  readonly mantissa: number;
  readonly exponent: number;
}

/** IEEE 11073-20601 special values: not a number, not at this resolution, infinities, reserved. Never numbers. */
export type Special = 'NaN' | 'NRes' | '+INF' | '-INF' | 'RFU';

/** What a sensor says: a number with its precision, or the name of a special value. */
export type SensorValue = Decimal | Special;

/** True for a number, false for a special value. */
export function isDecimal(value: SensorValue): value is Decimal {
  return typeof value !== 'string';
}

/** Decimal with its precision, e.g. (20, -1) -> "2.0", (2, 2) -> "200". FHIR and JSON show values in this form. */
export function decimalToString({ mantissa, exponent }: Decimal): string {
  const sign = mantissa < 0 ? '-' : '';
  const digits = Math.abs(mantissa).toString();
  if (exponent >= 0) return mantissa === 0 ? '0' : sign + digits + '0'.repeat(exponent);
  const padded = digits.padStart(1 - exponent, '0');
  return `${sign}${padded.slice(0, exponent)}.${padded.slice(exponent)}`;
}

/** Decimal of a plain decimal string; keeps trailing zeros: "2.0" -> (20, -1). Throws `malformed`. */
export function parseDecimal(text: string): Decimal {
  const match = /^(-?)(\d{1,15})(?:\.(\d{1,15}))?$/.exec(text);
  if (!match) throw new Fault('malformed', 'not a plain decimal number');
  const [, sign, whole, fraction = ''] = match as unknown as [string, string, string, string?];
  const mantissa = Number(whole + fraction);
  if (!Number.isSafeInteger(mantissa)) throw new Fault('range', 'more digits than an exact number holds');
  return { mantissa: sign && mantissa !== 0 ? -mantissa : mantissa, exponent: fraction ? -fraction.length : 0 };
}

/** Nearest binary number, for display, sorting and plausibility only; never stored, hashed or compared for equality. */
export function decimalToNumber({ mantissa, exponent }: Decimal): number {
  return Number(`${mantissa}e${exponent}`);
}

/** Same mantissa and exponent, or same special value. 2.0 and 2.00 are not the same. */
export function sameSensorValue(a: SensorValue, b: SensorValue): boolean {
  if (!isDecimal(a) || !isDecimal(b)) return a === b;
  return a.mantissa === b.mantissa && a.exponent === b.exponent;
}
