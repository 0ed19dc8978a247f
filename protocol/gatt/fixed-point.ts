/** Integers that stand for exact decimals: raw x step x 10^exponent (GSS: the M, d and b of a field's representation). */
import type { ByteReader } from '../bytes.ts';
import type { Decimal } from '../decimal.ts';
import { Fault } from '../fault.ts';
import type { ByteWriter } from './writer.ts';

/** How an integer field is scaled: 0.005 is `{ step: 5, exponent: -3 }`. */
export interface Scale {
  readonly step: number;
  readonly exponent: number;
}

/** The exact decimal of a raw integer. */
export function scaled(raw: number, { step, exponent }: Scale): Decimal {
  return { mantissa: raw * step, exponent };
}

/** The raw integer of a decimal. Throws `range` unless the decimal is an exact multiple of the scale; never rounds. */
export function unscaled({ mantissa, exponent }: Decimal, scale: Scale): number {
  const shift = exponent - scale.exponent;
  const raw = (shift < 0 ? mantissa / 10 ** -shift : mantissa * 10 ** shift) / scale.step;
  if (!Number.isSafeInteger(raw)) throw new Fault('range', 'not a multiple of the resolution of the field');
  return raw;
}

/** A field of two unsigned octets. Throws `truncated`. */
export function readScaledU16(reader: ByteReader, scale: Scale): Decimal {
  return scaled(reader.u16(), scale);
}

/** Appends two octets. Throws `range`. */
export function writeScaledU16(writer: ByteWriter, value: Decimal, scale: Scale): ByteWriter {
  return writer.u16(unscaled(value, scale));
}
