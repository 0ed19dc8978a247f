/** What a reading's quality flags mean in FHIR (HL7 PHD, Base Observation Profile, "Measurement Status"). */
import type { QualityFlag } from '../../protocol/gatt/quality.ts';
import type { CodeableConcept } from './elements.ts';

/** What the flags of one reading amount to. */
export interface QualityStatus {
  readonly status: 'final' | 'preliminary';
  /** Demonstration or test data. */
  readonly test: boolean;
  /** Data-absent-reason code: the device itself said that its number is none. */
  readonly absent?: string;
  /** One entry for each kind of doubt. */
  readonly interpretation: readonly CodeableConcept[];
}

const MEASUREMENT_STATUS = 'http://hl7.org/fhir/uv/pocd/CodeSystem/measurement-status';

// null: casts no doubt on the number, or is said in another element.
const INTERPRETATIONS: Readonly<Record<QualityFlag, string | null>> = {
  'after-meal': null,
  'bad-position': 'questionable',
  'battery-low': null,
  bedtime: null,
  'before-meal': null,
  'body-movement': 'questionable',
  breakfast: null,
  brunch: null,
  calibrating: 'calibration-ongoing',
  'calibration-due': 'questionable',
  'casual-meal': null,
  'clock-ahead': null,
  'clock-corrected': null,
  'clock-not-set': null,
  'crc-mismatch': 'questionable',
  'cuff-loose': 'questionable',
  demonstration: null,
  'device-alert': null,
  dinner: null,
  drink: null,
  'early-estimate': 'early-indication',
  fasting: null,
  'from-storage': null,
  implausible: 'questionable',
  'intermediate-acting': null,
  invalid: null,
  'irregular-pulse': null,
  'long-acting': null,
  'low-perfusion': 'questionable',
  lunch: null,
  'major-illness': null,
  menses: null,
  'minor-illness': null,
  'no-contact': 'questionable',
  'out-of-device-range': 'questionable',
  'poor-signal': 'questionable',
  premixed: null,
  'pulse-range': 'questionable',
  questionable: 'questionable',
  'rapid-acting': null,
  'sample-insufficient': 'questionable',
  'sensor-fault': 'questionable',
  'sensor-temperature': 'questionable',
  'session-stopped': 'questionable',
  'short-acting': null,
  snack: null,
  stress: null,
  'strip-fault': 'questionable',
  supper: null,
  test: null,
  'tested-by-laboratory': null,
  'tested-by-professional': null,
  unavailable: null,
  'time-unknown': null,
  'unknown-octets': null,
};

/** Flags outside the known set are ignored here; the Observation still lists them. */
export function qualityStatusOf(flags: readonly string[]): QualityStatus {
  const has = (flag: QualityFlag) => flags.includes(flag);
  const codes = flags
    .map((flag) => (Object.hasOwn(INTERPRETATIONS, flag) ? INTERPRETATIONS[flag as QualityFlag] : null))
    .filter((code) => code !== null);
  const absent = has('invalid') ? 'error' : has('unavailable') ? 'not-performed' : undefined;
  return {
    status: has('early-estimate') ? 'preliminary' : 'final',
    test: has('demonstration') || has('test'),
    ...(absent !== undefined && { absent }),
    interpretation: [...new Set(codes)].sort().map((code) => ({ coding: [{ system: MEASUREMENT_STATUS, code }] })),
  };
}
