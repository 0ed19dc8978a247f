/**
 * Values that break the standard, decoded as the device means them. Each quirk knows its own bytes: what does not bear its
 * marks is read by the standard decoder, so that a profile that was chosen wrongly does no harm.
 */
import { ByteReader } from '../bytes.ts';
import { isDecimal, type SensorValue } from '../decimal.ts';
import { Fault } from '../fault.ts';
import { hasBit } from '../gatt/bits.ts';
import { type BloodPressureMeasurement, parseBloodPressureStatus } from '../gatt/blood-pressure.ts';
import { readDateTime } from '../gatt/date-time.ts';
import { decodeGlucoseContext, type GlucoseContext } from '../gatt/glucose-context.ts';
import { decodeSfloat, readSfloat } from '../gatt/sfloat.ts';
import { profileNamed } from './device-profile.ts';
import type { ValueQuirk } from './policies.ts';

/** 2A35 by `pulse-big-endian`. */
export interface BigEndianPulseMeasurement extends BloodPressureMeasurement {
  /** As in the status, null without one: the status bit for which captured values of these cuffs are published. */
  readonly irregularPulse: boolean | null;
}

/** 2A34 by `ketone-by-context`. */
export interface KetoneContext extends GlucoseContext {
  /** The record 2A18 of this sequence number is a ketone, a tenth of its value, and no glucose. */
  readonly ketone: true;
}

/**
 * Beurer BM 85: reserved flag bit 6 is set; the user octet is sent though flag bit 3 is not; pulse rate and status come
 * with their most significant octet first. Undefined for a value without bit 6. Throws `truncated`, `trailing`, `range`.
 */
function decodeBigEndianPulse(bytes: Uint8Array): BigEndianPulseMeasurement | undefined {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  if (!hasBit(flags, 6)) return undefined;
  const unit = hasBit(flags, 0) ? 'kPa' : 'mmHg';
  const systolic = readSfloat(reader);
  const diastolic = readSfloat(reader);
  const map = readSfloat(reader);
  const timestamp = hasBit(flags, 1) ? readDateTime(reader) : null;
  const pulseRate = hasBit(flags, 2) ? swappedSfloat(reader) : null;
  const userId = reader.u8();
  const status = hasBit(flags, 4) ? parseBloodPressureStatus(swappedU16(reader)) : null;
  reader.end();
  return {
    systolic,
    diastolic,
    // 0 in every captured value beside a pressure: these cuffs do not determine a mean.
    map: isZero(map) ? 'NaN' : map,
    unit,
    timestamp,
    pulseRate,
    userId,
    status,
    unknownOctets: 0,
    irregularPulse: status === null ? null : status.irregularPulse,
  };
}

function swappedU16(reader: ByteReader): number {
  const high = reader.u8();
  return (high << 8) | reader.u8();
}

function swappedSfloat(reader: ByteReader): SensorValue {
  const raw = swappedU16(reader);
  return decodeSfloat(Uint8Array.of(raw & 0xff, raw >>> 8));
}

function isZero(value: SensorValue): boolean {
  return isDecimal(value) && value.mantissa === 0;
}

/** Meal 6 of the context, reserved in the standard, and nothing else. */
function decodeKetoneContext(bytes: Uint8Array): KetoneContext | undefined {
  if (bytes.length !== 4 || bytes[0] !== 0x02 || bytes[3] !== 6) return undefined;
  return { ...decodeGlucoseContext(bytes), ketone: true };
}

const DECODERS: Readonly<
  Record<ValueQuirk, { characteristic: number; decode: (bytes: Uint8Array) => object | undefined }>
> = {
  'pulse-big-endian': { characteristic: 0x2a35, decode: decodeBigEndianPulse },
  'ketone-by-context': { characteristic: 0x2a34, decode: decodeKetoneContext },
};

/**
 * The value as a quirk of the named profile has it; undefined when it bears the marks of none, and is to be read by the
 * standard. Throws `not-found` for a profile that is not known here, and what the decoder of the quirk throws.
 */
export function decodeQuirk(characteristic: number, bytes: Uint8Array, profileName: string): object | undefined {
  const profile = profileNamed(profileName);
  if (!profile) throw new Fault('not-found', 'no such device profile');
  for (const quirk of profile.valueQuirks) {
    const decoder = DECODERS[quirk];
    const value = decoder.characteristic === characteristic ? decoder.decode(bytes) : undefined;
    if (value) return value;
  }
  return undefined;
}

/** {@link decodeQuirk} for Blood Pressure Measurement 2A35. */
export function decodeBloodPressureQuirk(bytes: Uint8Array, profileName: string): BloodPressureMeasurement | undefined {
  return decodeQuirk(0x2a35, bytes, profileName) as BloodPressureMeasurement | undefined;
}
