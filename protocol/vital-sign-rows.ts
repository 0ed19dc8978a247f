/** The rows of the table of vital signs (vital-signs.ts), in the order in which they are shown. */
import { MDC } from './mdc.ts';

/** Both ends are plausible. */
export interface PlausibleRange {
  readonly low: number;
  readonly high: number;
}

/** One row. */
export interface VitalSign {
  /** 11073-10101 code. */
  readonly mdc: number;
  /** Unique; lower-case words joined by hyphens. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** Codes for FHIR, the one that the FHIR R4 vital-signs profile asks for first. */
  readonly loinc: readonly string[];
  /** Further codes for FHIR, which hold for values in one unit only. */
  readonly loincByUnit?: Readonly<Record<string, readonly string[]>>;
  /** UCUM code of the canonical unit; empty for a panel. */
  readonly ucum: string;
  /** Of the vital-signs profiles, a laboratory's, of what a patient did, what was around a measurement, or of the device. */
  readonly category: 'vital-signs' | 'laboratory' | 'activity' | 'context' | 'device';
  /** Digits after the point that a page shows when it has to convert units. */
  readonly decimals: number;
  /** By UCUM unit that a device may send; outside, the sensor rather than the body is to be suspected. */
  readonly plausible: Readonly<Record<string, PlausibleRange>>;
  /** MDC codes of the parts of a panel, in the order in which they are sent. */
  readonly components?: readonly number[];
}

const PRESSURE = { ucum: 'mm[Hg]', category: 'vital-signs', decimals: 0 } as const;
const PULSE = { loinc: ['8867-4'], ucum: '/min', category: 'vital-signs', decimals: 0 } as const;
const PULSE_RANGE = { '/min': { low: 20, high: 300 } };

const GLUCOSE = {
  loinc: [],
  ucum: 'mg/dL',
  category: 'laboratory',
  decimals: 0,
  plausible: { 'mg/dL': { low: 10, high: 700 }, 'mmol/L': { low: 0.6, high: 39 } },
} as const;
// LOINC 2339-0, 15074-8 Glucose [Mass/volume], [Moles/volume] in Blood
const IN_BLOOD = { ...GLUCOSE, loincByUnit: { 'mg/dL': ['2339-0'], 'mmol/L': ['15074-8'] } };
// LOINC 2345-7, 14749-6 Glucose [Mass/volume], [Moles/volume] in Serum or Plasma
const IN_PLASMA = { ...GLUCOSE, loincByUnit: { 'mg/dL': ['2345-7'], 'mmol/L': ['14749-6'] } };
// LOINC 41653-7, 14743-9 Glucose [Mass/volume], [Moles/volume] in Capillary blood by Glucometer
const IN_CAPILLARY = { ...GLUCOSE, loincByUnit: { 'mg/dL': ['41653-7'], 'mmol/L': ['14743-9'] } };
// LOINC 99504-3, 105272-9 Glucose [Mass/volume], [Moles/volume] in Interstitial fluid
const IN_INTERSTITIAL = { ...GLUCOSE, loincByUnit: { 'mg/dL': ['99504-3'], 'mmol/L': ['105272-9'] } };

const MASS = { ucum: 'kg', category: 'vital-signs', decimals: 1 } as const;
const MASS_RANGE = { kg: { low: 0.5, high: 500 }, '[lb_av]': { low: 1, high: 1100 } };

export const VITAL_SIGN_ROWS: readonly VitalSign[] = [
  // LOINC 8867-4 Heart rate: FHIR R4 heartrate profile
  { mdc: MDC.heartRate, name: 'heart-rate', title: 'Heart rate', ...PULSE, plausible: PULSE_RANGE },
  // LOINC 8867-4: a pulse that a sensor of no special kind counts
  { mdc: MDC.pulse, name: 'pulse-rate', title: 'Pulse rate', ...PULSE, plausible: PULSE_RANGE },
  {
    mdc: MDC.bloodPressure,
    name: 'blood-pressure',
    title: 'Blood pressure',
    loinc: ['85354-9'], // LOINC 85354-9 Blood pressure panel with all children optional: FHIR R4 bp profile
    ucum: '',
    category: 'vital-signs',
    decimals: 0,
    plausible: {},
    components: [MDC.systolic, MDC.diastolic, MDC.meanPressure],
  },
  {
    mdc: MDC.systolic,
    name: 'systolic-pressure',
    title: 'Systolic pressure',
    loinc: ['8480-6'], // LOINC 8480-6 Systolic blood pressure: FHIR R4 bp profile
    ...PRESSURE,
    plausible: { 'mm[Hg]': { low: 40, high: 300 }, kPa: { low: 5.3, high: 40 } },
  },
  {
    mdc: MDC.diastolic,
    name: 'diastolic-pressure',
    title: 'Diastolic pressure',
    loinc: ['8462-4'], // LOINC 8462-4 Diastolic blood pressure: FHIR R4 bp profile
    ...PRESSURE,
    plausible: { 'mm[Hg]': { low: 20, high: 200 }, kPa: { low: 2.7, high: 26.7 } },
  },
  {
    mdc: MDC.meanPressure,
    name: 'mean-pressure',
    title: 'Mean arterial pressure',
    loinc: ['8478-0'], // LOINC 8478-0 Mean blood pressure
    ...PRESSURE,
    plausible: { 'mm[Hg]': { low: 25, high: 250 }, kPa: { low: 3.3, high: 33.3 } },
  },
  // LOINC 8867-4: the cuff counts the same beats, told apart by its MDC code
  { mdc: MDC.cuffPulse, name: 'cuff-pulse-rate', title: 'Pulse rate (cuff)', ...PULSE, plausible: PULSE_RANGE },
  {
    mdc: MDC.temperature,
    name: 'body-temperature',
    title: 'Body temperature',
    loinc: ['8310-5'], // LOINC 8310-5 Body temperature: FHIR R4 bodytemp profile
    ucum: 'Cel',
    category: 'vital-signs',
    decimals: 1,
    plausible: { Cel: { low: 25, high: 45 }, '[degF]': { low: 77, high: 113 } },
  },
  {
    mdc: MDC.oxygenSaturation,
    name: 'oxygen-saturation',
    title: 'Oxygen saturation',
    // LOINC 2708-6 Oxygen saturation in Arterial blood: FHIR R4 oxygensat profile; LOINC 59408-5 the same by pulse oximetry
    loinc: ['2708-6', '59408-5'],
    ucum: '%',
    category: 'vital-signs',
    decimals: 0,
    plausible: { '%': { low: 40, high: 100 } },
  },
  // LOINC 8867-4: PHD example for the pulse rate of an oximeter
  {
    mdc: MDC.oximeterPulse,
    name: 'oximeter-pulse-rate',
    title: 'Pulse rate (oximeter)',
    ...PULSE,
    plausible: PULSE_RANGE,
  },
  {
    mdc: MDC.perfusion,
    name: 'perfusion-index',
    title: 'Perfusion index',
    loinc: ['61006-3'], // LOINC 61006-3 Perfusion index Tissue by Pulse oximetry
    ucum: '%',
    category: 'vital-signs',
    decimals: 1,
    plausible: { '%': { low: 0, high: 30 } },
  },
  {
    mdc: MDC.respiratoryRate,
    name: 'respiratory-rate',
    title: 'Respiratory rate',
    loinc: ['9279-1'], // LOINC 9279-1 Respiratory rate: FHIR R4 resprate profile
    ucum: '/min',
    category: 'vital-signs',
    decimals: 0,
    plausible: { '/min': { low: 3, high: 80 } },
  },
  { mdc: MDC.glucose, name: 'glucose', title: 'Glucose (interstitial)', ...IN_INTERSTITIAL },
  { mdc: MDC.capillaryGlucose, name: 'capillary-glucose', title: 'Glucose (capillary blood)', ...IN_CAPILLARY },
  {
    mdc: MDC.capillaryPlasmaGlucose,
    name: 'capillary-plasma-glucose',
    title: 'Glucose (capillary plasma)',
    ...IN_PLASMA,
  },
  { mdc: MDC.venousGlucose, name: 'venous-glucose', title: 'Glucose (venous blood)', ...IN_BLOOD },
  { mdc: MDC.venousPlasmaGlucose, name: 'venous-plasma-glucose', title: 'Glucose (venous plasma)', ...IN_PLASMA },
  { mdc: MDC.arterialGlucose, name: 'arterial-glucose', title: 'Glucose (arterial blood)', ...IN_BLOOD },
  { mdc: MDC.arterialPlasmaGlucose, name: 'arterial-plasma-glucose', title: 'Glucose (arterial plasma)', ...IN_PLASMA },
  { mdc: MDC.bloodGlucose, name: 'blood-glucose', title: 'Glucose (blood)', ...IN_BLOOD },
  { mdc: MDC.plasmaGlucose, name: 'plasma-glucose', title: 'Glucose (plasma)', ...IN_PLASMA },
  {
    mdc: MDC.glycatedHemoglobin,
    name: 'glycated-hemoglobin',
    title: 'Glycated hemoglobin (HbA1c)',
    loinc: ['4548-4'], // LOINC 4548-4 Hemoglobin A1c/Hemoglobin.total in Blood
    ucum: '%',
    category: 'laboratory',
    decimals: 1,
    plausible: { '%': { low: 2, high: 25 } },
  },
  {
    mdc: MDC.carbohydrates,
    name: 'carbohydrates',
    title: 'Carbohydrates eaten',
    loinc: [],
    ucum: 'g',
    category: 'context',
    decimals: 0,
    plausible: { g: { low: 0, high: 1000 } },
  },
  {
    mdc: MDC.medication,
    name: 'medication',
    title: 'Medication taken',
    loinc: [],
    ucum: 'mg',
    category: 'context',
    decimals: 1,
    plausible: { mg: { low: 0, high: 5000 }, mL: { low: 0, high: 100 } },
  },
  {
    mdc: MDC.exercise,
    name: 'exercise',
    title: 'Exercise intensity',
    loinc: [],
    ucum: '%',
    category: 'activity',
    decimals: 0,
    plausible: { '%': { low: 0, high: 100 } },
  },
  {
    mdc: MDC.weight,
    name: 'body-weight',
    title: 'Body weight',
    loinc: ['29463-7'], // LOINC 29463-7 Body weight: FHIR R4 bodyweight profile
    ...MASS,
    plausible: MASS_RANGE,
  },
  {
    mdc: MDC.height,
    name: 'body-height',
    title: 'Body height',
    loinc: ['8302-2'], // LOINC 8302-2 Body height: FHIR R4 bodyheight profile
    ucum: 'cm',
    category: 'vital-signs',
    decimals: 1,
    plausible: { cm: { low: 30, high: 260 }, m: { low: 0.3, high: 2.6 }, '[in_i]': { low: 12, high: 102 } },
  },
  {
    mdc: MDC.bodyMassIndex,
    name: 'body-mass-index',
    title: 'Body mass index',
    loinc: ['39156-5'], // LOINC 39156-5 Body mass index (BMI) [Ratio]: FHIR R4 bmi profile
    ucum: 'kg/m2',
    category: 'vital-signs',
    decimals: 1,
    plausible: { 'kg/m2': { low: 5, high: 150 } },
  },
  {
    mdc: MDC.bodyFat,
    name: 'body-fat',
    title: 'Body fat',
    loinc: ['41982-0'], // LOINC 41982-0 Percentage of body fat Measured
    ucum: '%',
    category: 'vital-signs',
    decimals: 1,
    plausible: { '%': { low: 1, high: 80 } },
  },
  { mdc: MDC.fatFreeMass, name: 'fat-free-mass', title: 'Fat-free mass', loinc: [], ...MASS, plausible: MASS_RANGE },
  { mdc: MDC.softLeanMass, name: 'soft-lean-mass', title: 'Soft lean mass', loinc: [], ...MASS, plausible: MASS_RANGE },
  { mdc: MDC.bodyWater, name: 'body-water', title: 'Body water', loinc: [], ...MASS, plausible: MASS_RANGE },
  {
    mdc: MDC.speed,
    name: 'speed',
    title: 'Speed',
    loinc: [],
    ucum: 'm/s',
    category: 'activity',
    decimals: 1,
    plausible: { 'm/s': { low: 0, high: 15 } },
  },
  {
    mdc: MDC.cadence,
    name: 'cadence',
    title: 'Cadence',
    loinc: [],
    ucum: '/min',
    category: 'activity',
    decimals: 0,
    plausible: { '/min': { low: 0, high: 250 } },
  },
  {
    mdc: MDC.battery,
    name: 'battery',
    title: 'Battery level',
    loinc: [],
    ucum: '%',
    category: 'device',
    decimals: 0,
    plausible: { '%': { low: 0, high: 100 } },
  },
];
