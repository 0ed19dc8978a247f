/** What a glucose value was measured in, and where it was taken: one octet of GLS and CGMS, two nibbles. */
import type { ByteReader } from '../bytes.ts';
import { codeOfName, type NameOf, nameOfCode } from './codes.ts';
import type { ByteWriter } from './writer.ts';

// GLS Glucose Measurement, Type field: low nibble. "Whole" is whole blood, "isf" interstitial fluid.
const TYPES = {
  1: 'capillaryWhole',
  2: 'capillaryPlasma',
  3: 'venousWhole',
  4: 'venousPlasma',
  5: 'arterialWhole',
  6: 'arterialPlasma',
  7: 'undeterminedWhole',
  8: 'undeterminedPlasma',
  9: 'isf',
  10: 'control',
} as const;

// GLS Glucose Measurement, Sample Location field: high nibble; CGMS adds 5. "ast" is an alternate site test.
const LOCATIONS = {
  1: 'finger',
  2: 'ast',
  3: 'earlobe',
  4: 'control',
  5: 'subcutaneous',
  15: 'na',
} as const;

export type GlucoseSampleType = NameOf<typeof TYPES> | 'reserved';
export type GlucoseSampleLocation = NameOf<typeof LOCATIONS> | 'reserved';

/** Type and location of a sample. */
export interface GlucoseSample {
  readonly type: GlucoseSampleType;
  readonly location: GlucoseSampleLocation;
}

/** Next octet. Throws `truncated`. */
export function readSample(reader: ByteReader): GlucoseSample {
  const octet = reader.u8();
  return { type: nameOfCode(TYPES, octet & 0x0f), location: nameOfCode(LOCATIONS, octet >>> 4) };
}

/** Appends one octet. Throws `range` on a reserved type or location. */
export function writeSample(writer: ByteWriter, { type, location }: GlucoseSample): ByteWriter {
  return writer.u8((codeOfName(LOCATIONS, location) << 4) | codeOfName(TYPES, type));
}

/** True when the sample is control solution, for checking the meter: such a value never belongs to a patient. */
export function isControlSolution({ type, location }: GlucoseSample): boolean {
  return type === 'control' || location === 'control';
}
