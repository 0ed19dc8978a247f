/** Glucose service (GLS): Glucose Measurement Context 2A34, what the patient did around the measurement. */
import { ByteReader } from '../bytes.ts';
import type { SensorValue } from '../decimal.ts';
import { hasBit } from './bits.ts';
import { codeOfName, type NameOf, nameOfCode } from './codes.ts';
import { readSfloat, writeSfloat } from './sfloat.ts';
import { type Extensible, skipUnknown } from './trailing.ts';
import { ByteWriter } from './writer.ts';

// GLS Glucose Measurement Context: the lists of its coded fields.
const CARBS = {
  1: 'breakfast',
  2: 'lunch',
  3: 'dinner',
  4: 'snack',
  5: 'drink',
  6: 'supper',
  7: 'brunch',
} as const;
const MEALS = { 1: 'preprandial', 2: 'postprandial', 3: 'fasting', 4: 'casual', 5: 'bedtime' } as const;
const TESTERS = { 1: 'self', 2: 'professional', 3: 'lab', 15: 'na' } as const;
const HEALTH = { 1: 'minor', 2: 'major', 3: 'menses', 4: 'stress', 5: 'none', 15: 'na' } as const;
const MEDICATIONS = { 1: 'rapid', 2: 'short', 3: 'intermediate', 4: 'long', 5: 'premix' } as const;

/** 2A34. Every field but the sequence number is null when not sent; a code of a later standard reads as `reserved`. */
export interface GlucoseContext extends Extensible {
  /** Number of the measurement 2A18 that this belongs to. */
  readonly sequence: number;
  /** All reserved so far. */
  readonly extFlags: number | null;
  readonly carb: NameOf<typeof CARBS> | 'reserved' | null;
  /** Carbohydrates, kg. */
  readonly carbKg: SensorValue | null;
  readonly meal: NameOf<typeof MEALS> | 'reserved' | null;
  readonly tester: NameOf<typeof TESTERS> | 'reserved' | null;
  readonly health: NameOf<typeof HEALTH> | 'reserved' | null;
  /** Duration of exercise, s; 65535 = that long or longer. */
  readonly exerciseS: number | null;
  /** Intensity of exercise, %. */
  readonly exercisePct: number | null;
  readonly medication: NameOf<typeof MEDICATIONS> | 'reserved' | null;
  /** In `medicationUnit`. */
  readonly medicationValue: SensorValue | null;
  readonly medicationUnit: 'kg' | 'L' | null;
  readonly hba1cPct: SensorValue | null;
}

/** Throws `truncated`, `trailing`. */
export function decodeGlucoseContext(bytes: Uint8Array): GlucoseContext {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  const sequence = reader.u16();
  // GLS: the extended flags are announced by the last flag and sent first.
  const extFlags = hasBit(flags, 7) ? reader.u8() : null;
  const carb = hasBit(flags, 0) ? nameOfCode(CARBS, reader.u8()) : null;
  const carbKg = carb === null ? null : readSfloat(reader);
  const meal = hasBit(flags, 1) ? nameOfCode(MEALS, reader.u8()) : null;
  const who = hasBit(flags, 2) ? reader.u8() : null;
  const exerciseS = hasBit(flags, 3) ? reader.u16() : null;
  const exercisePct = exerciseS === null ? null : reader.u8();
  const medication = hasBit(flags, 4) ? nameOfCode(MEDICATIONS, reader.u8()) : null;
  const medicationValue = medication === null ? null : readSfloat(reader);
  return {
    sequence,
    extFlags,
    carb,
    carbKg,
    meal,
    tester: who === null ? null : nameOfCode(TESTERS, who & 0x0f),
    health: who === null ? null : nameOfCode(HEALTH, who >>> 4),
    exerciseS,
    exercisePct,
    medication,
    medicationValue,
    medicationUnit: medication === null ? null : hasBit(flags, 5) ? 'L' : 'kg',
    hba1cPct: hasBit(flags, 6) ? readSfloat(reader) : null,
    unknownOctets: skipUnknown(reader, extFlags ?? 0, 0xff),
  };
}

/**
 * The reverse of {@link decodeGlucoseContext}. Fields that travel together are null together. Throws `range`, also on a
 * reserved code.
 */
export function encodeGlucoseContext(context: Omit<GlucoseContext, 'unknownOctets'>): Uint8Array {
  const { sequence, extFlags, carb, carbKg, meal, tester, health, exerciseS, exercisePct } = context;
  const { medication, medicationValue, medicationUnit, hba1cPct } = context;
  const present = [carb, meal, tester, exerciseS, medication, null, hba1cPct, extFlags];
  const flags = present.reduce<number>((bits, field, bit) => (field === null ? bits : bits | (1 << bit)), 0);
  const writer = new ByteWriter().u8(flags | (medicationUnit === 'L' ? 32 : 0)).u16(sequence);
  if (extFlags !== null) writer.u8(extFlags);
  if (carb !== null) writeSfloat(writer.u8(codeOfName(CARBS, carb)), carbKg ?? 'NRes');
  if (meal !== null) writer.u8(codeOfName(MEALS, meal));
  if (tester !== null) writer.u8((codeOfName(HEALTH, health ?? 'na') << 4) | codeOfName(TESTERS, tester));
  if (exerciseS !== null) writer.u16(exerciseS).u8(exercisePct ?? 0);
  if (medication !== null) writeSfloat(writer.u8(codeOfName(MEDICATIONS, medication)), medicationValue ?? 'NRes');
  if (hba1cPct !== null) writeSfloat(writer, hba1cPct);
  return writer.take();
}
