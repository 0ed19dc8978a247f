/**
 * Service data that Xiaomi scales advertise under the UUIDs of the standard services 181D (weight only) and 181B (with
 * impedance). The payloads are the maker's own: neither is a value of 2A9D or 2A9C. They repeat while somebody stands on
 * the scale and after, so only a stabilized one is a measurement.
 */
import { ByteReader } from '../bytes.ts';
import type { Decimal } from '../decimal.ts';
import { hasBit } from './bits.ts';
import { type DateTime, readDateTime, writeDateTime } from './date-time.ts';
import { readScaledU16, type Scale, writeScaledU16 } from './fixed-point.ts';
import { ByteWriter } from './writer.ts';

/** `jin` is the Chinese pound of half a kilogram. */
export type MiScaleUnit = 'kg' | 'lb' | 'jin';

const SCALES: Readonly<Record<MiScaleUnit, Scale>> = {
  kg: { step: 5, exponent: -3 },
  lb: { step: 1, exponent: -2 },
  jin: { step: 1, exponent: -2 },
};

/** 181D service data. */
export interface MiScaleWeight {
  /** In `unit`. */
  readonly weight: Decimal;
  readonly unit: MiScaleUnit;
  /** The scale's wall clock; 1970 when it was never set. */
  readonly timestamp: DateTime;
  /** The weight has come to rest. */
  readonly stabilized: boolean;
  /** The load was taken off; the weight is that of before. */
  readonly removed: boolean;
}

/** 181B service data. */
export interface MiScaleComposition extends MiScaleWeight {
  /** Ohm; null when not measured. */
  readonly impedance: number | null;
}

// Bit 1 of the status octet of 181D, and bits 1 and 2 of the two of 181B, are set in every capture.
const WEIGHT_ALWAYS = 0b0000_0010;
const COMPOSITION_ALWAYS = [0b0000_0010, 0b0000_0100] as const;

function unitOf(pound: boolean, jin: boolean): MiScaleUnit {
  return pound ? 'lb' : jin ? 'jin' : 'kg';
}

/** Ten octets. Throws `truncated`, `trailing`, and `range` on an impossible timestamp field. */
export function decodeMiScaleWeight(bytes: Uint8Array): MiScaleWeight {
  const reader = new ByteReader(bytes);
  const status = reader.u8();
  const unit = unitOf(hasBit(status, 0), hasBit(status, 4));
  const weight = readScaledU16(reader, SCALES[unit]);
  const timestamp = readDateTime(reader);
  reader.end();
  return { weight, unit, timestamp, stabilized: hasBit(status, 5), removed: hasBit(status, 7) };
}

/** The reverse of {@link decodeMiScaleWeight}. Throws `range`. */
export function encodeMiScaleWeight({ weight, unit, timestamp, stabilized, removed }: MiScaleWeight): Uint8Array {
  const units = (unit === 'lb' ? 1 : 0) | (unit === 'jin' ? 16 : 0);
  const writer = new ByteWriter().u8(WEIGHT_ALWAYS | units | (stabilized ? 32 : 0) | (removed ? 128 : 0));
  return writeDateTime(writeScaledU16(writer, weight, SCALES[unit]), timestamp).take();
}

/** Thirteen octets. Throws `truncated`, `trailing`, and `range` on an impossible timestamp field. */
export function decodeMiScaleComposition(bytes: Uint8Array): MiScaleComposition {
  const reader = new ByteReader(bytes);
  const units = reader.u8();
  const status = reader.u8();
  const unit = unitOf(hasBit(units, 0), hasBit(status, 6));
  const timestamp = readDateTime(reader);
  const ohm = reader.u16();
  const weight = readScaledU16(reader, SCALES[unit]);
  reader.end();
  return {
    weight,
    unit,
    timestamp,
    stabilized: hasBit(status, 5),
    removed: hasBit(status, 7),
    impedance: hasBit(status, 1) ? ohm : null,
  };
}

/** The reverse of {@link decodeMiScaleComposition}. Throws `range`. */
export function encodeMiScaleComposition(value: MiScaleComposition): Uint8Array {
  const { weight, unit, timestamp, stabilized, removed, impedance } = value;
  const [first, second] = COMPOSITION_ALWAYS;
  const state = (impedance === null ? 0 : 2) | (stabilized ? 32 : 0) | (removed ? 128 : 0);
  const writer = new ByteWriter().u8(first | (unit === 'lb' ? 1 : 0)).u8(second | state | (unit === 'jin' ? 64 : 0));
  writeDateTime(writer, timestamp).u16(impedance ?? 0);
  return writeScaledU16(writer, weight, SCALES[unit]).take();
}
