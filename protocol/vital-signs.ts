/**
 * The table of vital signs: one row for everything that is filed, with its codes, units and plausible range. MDC codes
 * are 11073-10101 reference identifiers as 32-bit numbers (partition x 65536 + term). The names are the classes that
 * consent grants speak of. Codes as used by the HL7 PHD guide unless the row says otherwise.
 */
import { type Decimal, decimalToNumber, isDecimal, type SensorValue } from './decimal.ts';
import { type PlausibleRange, VITAL_SIGN_ROWS as ROWS, type VitalSign } from './vital-sign-rows.ts';

export { MDC } from './mdc.ts';
export type { VitalSign } from './vital-sign-rows.ts';

const BY_MDC: ReadonlyMap<number, VitalSign> = new Map(ROWS.map((row) => [row.mdc, row]));
const BY_NAME: ReadonlyMap<string, VitalSign> = new Map(ROWS.map((row) => [row.name, row]));

/** All rows, in the order of the table. */
export function allVitalSigns(): readonly VitalSign[] {
  return ROWS;
}

/** Row of an MDC code. */
export function vitalSignByMdc(mdc: number): VitalSign | undefined {
  return BY_MDC.get(mdc);
}

/** Row of a name such as `heart-rate`. */
export function vitalSignByName(name: string): VitalSign | undefined {
  return BY_NAME.get(name);
}

/** True when the vital sign may be given in this UCUM unit. */
export function hasUnit(row: VitalSign, unit: string): boolean {
  return Object.hasOwn(row.plausible, unit);
}

/**
 * Whether a body could have this value. A special value passes: it says for itself that there is no measurement. A vital
 * sign or unit that the table does not know fails.
 */
export function isPlausible(mdc: number, unit: string, value: SensorValue): boolean {
  const row = BY_MDC.get(mdc);
  if (!row || !hasUnit(row, unit)) return false;
  return !isDecimal(value) || isWithin(row.plausible[unit]!, value);
}

function isWithin({ low, high }: PlausibleRange, value: Decimal): boolean {
  const number = decimalToNumber(value);
  return number >= low && number <= high;
}
