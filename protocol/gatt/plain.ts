/** Decoded values as JSON text, with every decimal written as the sensor gave it (2.0 stays 2.0). */
import { encodeHex } from '../bytes.ts';
import { type Decimal, decimalToString } from '../decimal.ts';

function isDecimalObject(value: object): value is Decimal {
  return 'mantissa' in value && 'exponent' in value;
}

/**
 * JSON text of a decoded value. Decimals become JSON numbers with their digits as sent, special values become their
 * names as strings, byte strings lower-case hex, absent fields null.
 */
export function toPlain(decoded: unknown): string {
  if (typeof decoded !== 'object' || decoded === null) return JSON.stringify(decoded ?? null);
  if (Array.isArray(decoded)) return `[${decoded.map(toPlain).join(',')}]`;
  if (decoded instanceof Uint8Array) return JSON.stringify(encodeHex(decoded));
  if (isDecimalObject(decoded)) return decimalToString(decoded);
  return `{${Object.entries(decoded)
    .map(([name, value]) => `${JSON.stringify(name)}:${toPlain(value)}`)
    .join(',')}}`;
}
