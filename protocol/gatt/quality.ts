/**
 * Flags of readings, of how they were measured and of what was around: a closed set, so that every flag can be explained
 * to people and mapped to FHIR.
 */
import type { BloodPressureFeature, BloodPressureStatus } from './blood-pressure.ts';
import type { CgmRecord } from './cgm.ts';
import type { PlxMeasurementStatus, PlxSensorStatus } from './pulse-oximeter.ts';
import type { TemperatureMeasurement } from './temperature.ts';

/** Every flag and what it tells the reader of a value. */
export const QUALITY_FLAGS = {
  'after-meal': 'measured after a meal',
  'bad-position': 'cuff or sensor was not where it should be',
  'battery-low': 'battery of the device was low',
  bedtime: 'measured at bedtime',
  'before-meal': 'measured before a meal',
  'body-movement': 'body moved while measuring',
  breakfast: 'eaten at breakfast',
  brunch: 'eaten at brunch',
  calibrating: 'device was being calibrated',
  'calibration-due': 'device asked for calibration',
  'casual-meal': 'measured around a snack or drink',
  'clock-ahead': 'clock of the device was ahead, so the time is that of arrival (set by the agent)',
  'clock-corrected': 'clock of the device was wrong and the time was put right by its offset (set by the agent)',
  'clock-not-set': 'device said that its clock is not set',
  'crc-mismatch': 'check sum sent with the value is wrong or missing',
  'cuff-loose': 'cuff was too loose',
  demonstration: 'device was in demonstration mode',
  'device-alert': 'device raised an alert of its own kind',
  dinner: 'eaten at dinner',
  drink: 'taken as a drink',
  'early-estimate': 'first estimate, before the measurement settled',
  fasting: 'measured fasting',
  'from-storage': 'device sent it from its memory',
  implausible: 'no body has such a value (set by the agent)',
  'intermediate-acting': 'insulin of intermediate action',
  invalid: 'device called its own value invalid',
  'irregular-pulse': 'pulse was irregular',
  'long-acting': 'long-acting insulin',
  'low-perfusion': 'little blood flow under the sensor',
  lunch: 'eaten at lunch',
  'major-illness': 'measured while seriously ill',
  menses: 'measured during menses',
  'minor-illness': 'measured while slightly ill',
  'no-contact': 'sensor did not touch the skin',
  'out-of-device-range': 'value is beyond what the device can measure',
  'poor-signal': 'signal was weak, erratic or disturbed',
  premixed: 'premixed insulin',
  'pulse-range': 'pulse was beyond what the device can measure',
  questionable: 'device doubted its own value',
  'rapid-acting': 'rapid-acting insulin',
  'sample-insufficient': 'too little blood on the test strip',
  'sensor-fault': 'device reported a fault of itself or its sensor',
  'sensor-temperature': 'sensor was too warm or too cold',
  'session-stopped': 'sensor session was over',
  'short-acting': 'short-acting insulin',
  snack: 'eaten as a snack',
  stress: 'measured under stress',
  'strip-fault': 'test strip was wrong, badly put in or pulled out too soon',
  supper: 'eaten at supper',
  test: 'device was being tested',
  'tested-by-laboratory': 'measured by a laboratory',
  'tested-by-professional': 'measured by a health professional',
  unavailable: 'device said that there is no measurement',
  'time-unknown': 'device kept it without a time, so the time is that of arrival (set by the agent)',
  'unknown-octets': 'value carried fields of a later standard, which were not read',
} as const;

export type QualityFlag = keyof typeof QUALITY_FLAGS;

/** Sorted, without repetition: equal sets of flags are equal arrays. */
export function sortFlags(flags: Iterable<QualityFlag>): QualityFlag[] {
  return [...new Set(flags)].sort();
}

/**
 * Flags of a cuff's Measurement Status (BLS). `features` are the bits of Blood Pressure Feature, undefined where they are
 * not known: a status that the cuff does not claim to detect means nothing.
 */
export function cuffFlags(
  status: BloodPressureStatus | null,
  features?: BloodPressureFeature['features'],
): QualityFlag[] {
  if (!status) return [];
  const detects = (name: BloodPressureFeature['features'][number]) => features?.includes(name) ?? true;
  const outside = status.pulseRateRange === 'above' || status.pulseRateRange === 'below';
  const flags: QualityFlag[] = [];
  if (status.bodyMovement && detects('bodyMovement')) flags.push('body-movement');
  if (status.cuffTooLoose && detects('cuffFit')) flags.push('cuff-loose');
  if (status.irregularPulse && detects('irregularPulse')) flags.push('irregular-pulse');
  if (outside && detects('pulseRateRange')) flags.push('pulse-range');
  if (status.improperPosition && detects('position')) flags.push('bad-position');
  return flags;
}

// PLXS Measurement Status. `ongoing`, `validated` and `fullyQualified` cast no doubt on a value.
const PLX_MEASUREMENT: Readonly<Record<PlxMeasurementStatus, QualityFlag | null>> = {
  ongoing: null,
  earlyEstimate: 'early-estimate',
  validated: null,
  fullyQualified: null,
  fromStorage: 'from-storage',
  demonstration: 'demonstration',
  testing: 'test',
  calibrationOngoing: 'calibrating',
  unavailable: 'unavailable',
  questionable: 'questionable',
  invalid: 'invalid',
};

// PLXS Device and Sensor Status.
const PLX_SENSOR: Readonly<Record<PlxSensorStatus, QualityFlag | null>> = {
  extendedDisplayUpdate: null,
  equipmentMalfunction: 'sensor-fault',
  signalProcessingIrregularity: 'poor-signal',
  inadequateSignal: 'poor-signal',
  poorSignal: 'poor-signal',
  lowPerfusion: 'low-perfusion',
  erraticSignal: 'poor-signal',
  nonPulsatile: 'poor-signal',
  questionablePulse: 'questionable',
  signalAnalysisOngoing: 'questionable',
  sensorInterference: 'poor-signal',
  sensorUnconnected: 'no-contact',
  unknownSensor: 'sensor-fault',
  sensorDisplaced: 'bad-position',
  sensorMalfunctioning: 'sensor-fault',
  sensorDisconnected: 'sensor-fault',
};

/** Flags of an oximeter's two status words; null where not sent. */
export function oximeterFlags(
  measurement: readonly PlxMeasurementStatus[] | null,
  sensor: readonly PlxSensorStatus[] | null,
): QualityFlag[] {
  const flags = [...(measurement ?? []).map((name) => PLX_MEASUREMENT[name])];
  flags.push(...(sensor ?? []).map((name) => PLX_SENSOR[name]));
  return flags.filter((flag) => flag !== null);
}

// CGMS Sensor Status Annunciation. Limits of the patient and rates of change are findings, not doubts.
const CGM_FLAGS: Readonly<Record<string, QualityFlag>> = {
  sessionStopped: 'session-stopped',
  batteryLow: 'battery-low',
  sensorTypeIncorrect: 'sensor-fault',
  sensorMalfunction: 'sensor-fault',
  deviceSpecificAlert: 'device-alert',
  deviceFault: 'sensor-fault',
  timeSyncRequired: 'clock-not-set',
  calRequired: 'calibration-due',
  tempHigh: 'sensor-temperature',
  tempLow: 'sensor-temperature',
  belowDeviceRange: 'out-of-device-range',
  aboveDeviceRange: 'out-of-device-range',
};

/** Flags of one CGM record: annunciation and CRC. */
export function cgmFlags({ status, calTemp, warning, crcValid }: CgmRecord): QualityFlag[] {
  const names: string[] = [...(status ?? []), ...(calTemp ?? []), ...(warning ?? [])];
  const flags = names.map((name) => CGM_FLAGS[name]).filter((flag) => flag !== undefined);
  if (crcValid === false) flags.push('crc-mismatch');
  return flags;
}

// 11073-10101 MDC_TEMP_*: where the temperature was taken. `body` is MDC_TEMP_BODY itself.
const SITES: Readonly<Record<NonNullable<TemperatureMeasurement['type']>, number | null>> = {
  reserved: null,
  armpit: 188452, // MDC_TEMP_AXILLA
  body: null,
  ear: 188428, // MDC_TEMP_EAR
  finger: 188432, // MDC_TEMP_FINGER
  gastrointestinal: 188456, // MDC_TEMP_GIT
  mouth: 188424, // MDC_TEMP_ORAL
  rectum: 188420, // MDC_TEMP_RECT
  toe: 188448, // MDC_TEMP_TOE
  tympanum: 150392, // MDC_TEMP_TYMP
};

/** MDC code of the site, or undefined where the thermometer did not name one. */
export function temperatureSite({ type }: TemperatureMeasurement): number | undefined {
  return type === null ? undefined : (SITES[type] ?? undefined);
}
