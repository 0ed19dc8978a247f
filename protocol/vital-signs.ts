/**
 * The table of vital signs: one row for everything that is filed, with its codes, units and plausible range. MDC codes
 * are 11073-10101 reference identifiers as 32-bit numbers (partition x 65536 + term). The names are the classes that
 * consent grants speak of. Codes as used by the HL7 PHD guide unless the row says otherwise.
 */
import { type Decimal, decimalToNumber, isDecimal, type SensorValue } from './decimal.ts';

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
  /** UCUM code of the canonical unit; empty for a panel. */
  readonly ucum: string;
  readonly category: 'vital-signs' | 'laboratory' | 'device';
  /** Digits after the point that a page shows when it has to convert units. */
  readonly decimals: number;
  /** By UCUM unit that a device may send; outside, the sensor rather than the body is to be suspected. */
  readonly plausible: Readonly<Record<string, PlausibleRange>>;
  /** MDC codes of the parts of a panel, in the order in which they are sent. */
  readonly components?: readonly number[];
}

/** MDC codes by name, for code that means one row in particular. */
export const MDC = {
  heartRate: 147842, // MDC_ECG_HEART_RATE
  bloodPressure: 150020, // MDC_PRESS_BLD_NONINV
  systolic: 150021, // MDC_PRESS_BLD_NONINV_SYS
  diastolic: 150022, // MDC_PRESS_BLD_NONINV_DIA
  meanPressure: 150023, // MDC_PRESS_BLD_NONINV_MEAN
  cuffPulse: 149546, // MDC_PULS_RATE_NON_INV
  temperature: 150364, // MDC_TEMP_BODY
  oxygenSaturation: 150456, // MDC_PULS_OXIM_SAT_O2
  oximeterPulse: 149530, // MDC_PULS_OXIM_PULS_RATE
  perfusion: 150448, // MDC_PULS_OXIM_PERF_REL
  glucose: 160212, // MDC_CONC_GLU_ISF
  battery: 67996, // MDC_ATTR_VAL_BATT_CHARGE
} as const;

const PRESSURE = { ucum: 'mm[Hg]', category: 'vital-signs', decimals: 0 } as const;
const PULSE = { loinc: ['8867-4'], ucum: '/min', category: 'vital-signs', decimals: 0 } as const;
const PULSE_RANGE = { '/min': { low: 20, high: 300 } };

const ROWS: readonly VitalSign[] = [
  // LOINC 8867-4 Heart rate: FHIR R4 heartrate profile
  { mdc: MDC.heartRate, name: 'heart-rate', title: 'Heart rate', ...PULSE, plausible: PULSE_RANGE },
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
    mdc: MDC.glucose,
    name: 'glucose',
    title: 'Glucose (interstitial)',
    loinc: ['99504-3'], // LOINC 99504-3 Glucose [Mass/volume] in Interstitial fluid
    ucum: 'mg/dL',
    category: 'laboratory',
    decimals: 0,
    plausible: { 'mg/dL': { low: 10, high: 700 } },
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

const BY_MDC: ReadonlyMap<number, VitalSign> = new Map(ROWS.map((row) => [row.mdc, row]));
const BY_NAME: ReadonlyMap<string, VitalSign> = new Map(ROWS.map((row) => [row.name, row]));

/** All rows, in the order of the table. */
export function allVitalSigns(): readonly VitalSign[] {
  return ROWS;
}

/** Row of an MDC code. */
export function vitalSignByMdc(mdc: number): VitalSign | undefined {
  return BY_MDC.get(mdc);
}

/** Row of a name such as `heart-rate`. */
export function vitalSignByName(name: string): VitalSign | undefined {
  return BY_NAME.get(name);
}

/** True when the vital sign may be given in this UCUM unit. */
export function hasUnit(row: VitalSign, unit: string): boolean {
  return Object.hasOwn(row.plausible, unit);
}

/**
 * Whether a body could have this value. A special value passes: it says for itself that there is no measurement. A vital
 * sign or unit that the table does not know fails.
 */
export function isPlausible(mdc: number, unit: string, value: SensorValue): boolean {
  const row = BY_MDC.get(mdc);
  if (!row || !hasUnit(row, unit)) return false;
  return !isDecimal(value) || isWithin(row.plausible[unit]!, value);
}

function isWithin({ low, high }: PlausibleRange, value: Decimal): boolean {
  const number = decimalToNumber(value);
  return number >= low && number <= high;
}
