/** Readings of glucose meters: Glucose Measurement 2A18, with its context 2A34 as companion. */
import { copyBytes } from '../bytes.ts';
import { isDecimal, type SensorValue } from '../decimal.ts';
import { decodeQuirk } from '../devices/value-quirks.ts';
import { MDC } from '../vital-signs.ts';
import {
  decodeGlucoseFeature,
  decodeGlucoseMeasurement,
  type GlucoseMeasurement,
  glucoseWallClock,
} from './glucose.ts';
import { decodeGlucoseContext, type GlucoseContext } from './glucose-context.ts';
import type { GlucoseSampleType } from './glucose-sample.ts';
import {
  type Details,
  flagsOf,
  type Measurement,
  measurement,
  type NotAResult,
  notAResult,
  type ReadingContext,
  readable,
  whole,
} from './measured-vital.ts';
import type { QualityFlag } from './quality.ts';
import { carbFlags, contextFlags, medicationFlags, meterFlags, sampleSite } from './quality-glucose.ts';

// GLS Glucose Measurement, Type field. Control solution is no sample of anybody.
const VITALS: Readonly<Record<Exclude<GlucoseSampleType, 'control' | 'reserved'>, number>> = {
  capillaryWhole: MDC.capillaryGlucose,
  capillaryPlasma: MDC.capillaryPlasmaGlucose,
  venousWhole: MDC.venousGlucose,
  venousPlasma: MDC.venousPlasmaGlucose,
  arterialWhole: MDC.arterialGlucose,
  arterialPlasma: MDC.arterialPlasmaGlucose,
  undeterminedWhole: MDC.bloodGlucose,
  undeterminedPlasma: MDC.plasmaGlucose,
  isf: MDC.glucose,
};

const CONTEXT = 0x2a34;

/** 2A18: the concentration, then what its context gives. Control solution gives nothing at all. */
export function glucoseReadings(bytes: Uint8Array, context: ReadingContext): Measurement {
  const decoded = decodeGlucoseMeasurement(bytes);
  if (decoded.controlSolution) return notAResult('control-solution');
  const companion = companionOf(decoded, context);
  const ketone = ketoneOf(decoded, companion, context);
  if (ketone !== undefined) return notAResult(ketone);
  const around = companion && decodeGlucoseContext(companion);
  const claimed = decoded.status === null ? undefined : readable(context.feature, decodeGlucoseFeature);
  const flags = meterFlags(decoded.status, claimed?.features);
  const clock = flags.includes('clock-not-set') ? undefined : glucoseWallClock(decoded);
  const shared = {
    ...(clock !== undefined && { deviceClock: clock }),
    deviceSequence: decoded.sequence,
    ...(companion && { companion: copyBytes(companion) }),
  };
  const site = sampleSite(decoded.location);
  const more = {
    flags: flagsOf([...flags, ...(around ? contextFlags(around) : [])], {
      unknownOctets: decoded.unknownOctets + (around?.unknownOctets ?? 0),
    }),
    ...shared,
    ...(claimed && context.feature && { feature: copyBytes(context.feature) }),
  };
  const found = concentrationOf(decoded);
  const readings: Details[] =
    typeof found === 'string' ? [] : [{ ...found, ...more, ...(site !== undefined && { site }) }];
  if (around) {
    const clockFlags: QualityFlag[] = flags.includes('clock-not-set') ? ['clock-not-set'] : [];
    readings.push(
      ...contextReadings(around).map((reading) => ({
        ...more,
        ...reading,
        flags: flagsOf([...reading.flags, ...clockFlags], around),
      })),
    );
  }
  return measurement(bytes, readings, typeof found === 'string' ? [found] : []);
}

/** The context, if it is that of this measurement and can be read. */
function companionOf({ sequence }: GlucoseMeasurement, { companion }: ReadingContext): Uint8Array | undefined {
  return readable(companion, decodeGlucoseContext)?.sequence === sequence ? companion : undefined;
}

/** Some meters tell a ketone from a glucose in the context alone, so that without it either could be meant. */
function ketoneOf(
  { contextFollows }: GlucoseMeasurement,
  companion: Uint8Array | undefined,
  { profile }: ReadingContext,
): NotAResult | undefined {
  if (profile === undefined || !hasKetoneQuirk(profile)) return undefined;
  if (companion === undefined) return contextFollows ? 'context-missing' : undefined;
  return decodeQuirk(CONTEXT, companion, profile) ? 'ketone' : undefined;
}

/** A context that bears the marks of a ketone, by which a profile shows whether it knows them. */
const KETONE_MARKS = Uint8Array.of(0x02, 0, 0, 6);

function hasKetoneQuirk(profile: string): boolean {
  return decodeQuirk(CONTEXT, KETONE_MARKS, profile) !== undefined;
}

type Found = Pick<Details, 'vital' | 'value' | 'unit'>;

function concentrationOf({ concentration, type, mgPerDl, mmolPerL }: GlucoseMeasurement): Found | NotAResult {
  if (concentration === null || type === null) return 'no-value';
  if (type === 'reserved' || type === 'control') return 'unknown-code';
  if (mmolPerL !== null) return { vital: VITALS[type], value: mmolPerL, unit: 'mmol/L' };
  return { vital: VITALS[type], value: mgPerDl ?? concentration, unit: 'mg/dL' };
}

/** HbA1c, carbohydrates, medication and intensity of exercise; how long exercise took stays in the raw bytes. */
function contextReadings(around: GlucoseContext): (Found & Pick<Details, 'flags'>)[] {
  const { hba1cPct, carbKg, medicationValue, medicationUnit, exercisePct } = around;
  const readings: (Found & Pick<Details, 'flags'>)[] = [];
  if (hba1cPct !== null) readings.push({ vital: MDC.glycatedHemoglobin, value: hba1cPct, unit: '%', flags: [] });
  if (carbKg !== null) {
    readings.push({ vital: MDC.carbohydrates, value: shifted(carbKg, 3), unit: 'g', flags: carbFlags(around) });
  }
  if (medicationValue !== null) {
    const [value, unit] =
      medicationUnit === 'L' ? [shifted(medicationValue, 3), 'mL'] : [shifted(medicationValue, 6), 'mg'];
    readings.push({ vital: MDC.medication, value, unit, flags: medicationFlags(around) });
  }
  if (exercisePct !== null) {
    readings.push({ vital: MDC.exercise, value: whole(exercisePct), unit: '%', flags: [] });
  }
  return readings;
}

function shifted(value: SensorValue, by: number): SensorValue {
  return isDecimal(value) ? { mantissa: value.mantissa, exponent: value.exponent + by } : value;
}
