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
  'bad-position': 'questionable',
  'battery-low': null,
  'body-movement': 'questionable',
  calibrating: 'calibration-ongoing',
  'calibration-due': 'questionable',
  'clock-ahead': null,
  'clock-corrected': null,
  'clock-not-set': null,
  'crc-mismatch': 'questionable',
  'cuff-loose': 'questionable',
  demonstration: null,
  'device-alert': null,
  'early-estimate': 'early-indication',
  'from-storage': null,
  implausible: 'questionable',
  invalid: null,
  'irregular-pulse': null,
  'low-perfusion': 'questionable',
  'no-contact': 'questionable',
  'out-of-device-range': 'questionable',
  'poor-signal': 'questionable',
  'pulse-range': 'questionable',
  questionable: 'questionable',
  'sensor-fault': 'questionable',
  'sensor-temperature': 'questionable',
  'session-stopped': 'questionable',
  test: null,
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
