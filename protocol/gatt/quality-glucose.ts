/** What a glucose meter says of its measurement, and what was around it. */
import type { GlucoseStatusFlag } from './glucose.ts';
import type { GlucoseContext } from './glucose-context.ts';
import type { GlucoseSampleLocation } from './glucose-sample.ts';
import type { QualityFlag } from './quality.ts';

// GLS Sensor Status Annunciation: the flag, and the bit of Glucose Feature without which the status means nothing.
const STATUS: Readonly<Record<GlucoseStatusFlag, readonly [flag: QualityFlag, feature: string]>> = {
  batteryLow: ['battery-low', 'lowBattery'],
  sensorMalfunction: ['sensor-fault', 'sensorMalfunction'],
  sampleInsufficient: ['sample-insufficient', 'sampleSize'],
  stripInsertion: ['strip-fault', 'stripInsertion'],
  stripType: ['strip-fault', 'stripType'],
  resultHigh: ['out-of-device-range', 'highLow'],
  resultLow: ['out-of-device-range', 'highLow'],
  tempHigh: ['sensor-temperature', 'temperature'],
  tempLow: ['sensor-temperature', 'temperature'],
  readInterrupted: ['strip-fault', 'readInterrupted'],
  deviceFault: ['sensor-fault', 'deviceFault'],
  timeFault: ['clock-not-set', 'timeFault'],
};

/** Flags of a status; `features` are the bits of Glucose Feature, undefined where they are not known. */
export function meterFlags(
  status: readonly GlucoseStatusFlag[] | null,
  features: readonly string[] | undefined,
): QualityFlag[] {
  return (status ?? []).flatMap((name) => {
    const [flag, feature] = STATUS[name];
    return features && !features.includes(feature) ? [] : [flag];
  });
}

// 11073-10101 MDC_CTXT_GLU_SAMPLELOCATION_*.
const SITES: Readonly<Partial<Record<GlucoseSampleLocation, number>>> = {
  finger: 8417848, // MDC_CTXT_GLU_SAMPLELOCATION_FINGER
  ast: 8417852, // MDC_CTXT_GLU_SAMPLELOCATION_AST
  earlobe: 8417856, // MDC_CTXT_GLU_SAMPLELOCATION_EARLOBE
};

/** MDC code of where the drop of blood was taken, or undefined where the meter did not say. */
export function sampleSite(location: GlucoseSampleLocation | null): number | undefined {
  return location === null ? undefined : SITES[location];
}

type Named<Field extends 'meal' | 'health' | 'tester' | 'carb' | 'medication'> = Exclude<
  GlucoseContext[Field],
  'reserved' | null
>;

const MEALS: Readonly<Record<Named<'meal'>, QualityFlag>> = {
  preprandial: 'before-meal',
  postprandial: 'after-meal',
  fasting: 'fasting',
  casual: 'casual-meal',
  bedtime: 'bedtime',
};

// In good health, and by the patient alone, is how it is where nothing is said.
const HEALTH: Readonly<Record<Named<'health'>, QualityFlag | null>> = {
  minor: 'minor-illness',
  major: 'major-illness',
  menses: 'menses',
  stress: 'stress',
  none: null,
  na: null,
};
const TESTERS: Readonly<Record<Named<'tester'>, QualityFlag | null>> = {
  self: null,
  professional: 'tested-by-professional',
  lab: 'tested-by-laboratory',
  na: null,
};

/** What the context says of the concentration: meal, health and who tested. */
export function contextFlags({ meal, health, tester }: GlucoseContext): QualityFlag[] {
  const flags = [lookUp(MEALS, meal), lookUp(HEALTH, health), lookUp(TESTERS, tester)];
  return flags.filter((flag) => flag !== null);
}

/** With which meal carbohydrates were eaten: its name is the flag. */
export function carbFlags({ carb }: GlucoseContext): QualityFlag[] {
  return carb === null || carb === 'reserved' ? [] : [carb];
}

const MEDICATIONS: Readonly<Record<Named<'medication'>, QualityFlag>> = {
  rapid: 'rapid-acting',
  short: 'short-acting',
  intermediate: 'intermediate-acting',
  long: 'long-acting',
  premix: 'premixed',
};

/** How fast a medication acts. */
export function medicationFlags({ medication }: GlucoseContext): QualityFlag[] {
  const flag = lookUp(MEDICATIONS, medication);
  return flag === null ? [] : [flag];
}

function lookUp<Name extends string>(
  table: Readonly<Record<Name, QualityFlag | null>>,
  name: Name | 'reserved' | null,
): QualityFlag | null {
  return name === null || name === 'reserved' ? null : table[name];
}
