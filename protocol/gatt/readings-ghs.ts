/**
 * Readings of Generic Health Sensors: Live Health Observations 2B8B and Stored Health Observations 2BDD. What is in the
 * vital-sign table, by its code and in a unit of the table, is a reading; everything else is counted.
 */
import type { SensorValue } from '../decimal.ts';
import { instantToWallClock, isZone } from '../time.ts';
import { hasUnit, vitalSignByMdc } from '../vital-signs.ts';
import { type ElapsedTime, elapsedTimeInstant } from './elapsed-time.ts';
import {
  decodeLiveHealthObservation,
  type GhsBundle,
  type GhsFields,
  type GhsObservation,
  type GhsStatusFlag,
} from './ghs.ts';
import { GHS_CLASS, type GhsValue } from './ghs-value.ts';
import { type Details, type Measurement, measurement, type NotAResult, notAResult, userOf } from './measured-vital.ts';
import { type QualityFlag, sortFlags } from './quality.ts';

/** UCUM by 11073-10101 unit: the term in the dimension partition, MDC_DIM_*. */
const UNITS: ReadonlyMap<number, string> = new Map([
  [544, '%'], // PERCENT
  [1297, 'cm'], // CENTI_M
  [1376, '[in_i]'], // INCH
  [1731, 'kg'], // KILO_G
  [1760, '[lb_av]'], // LB
  [1952, 'kg/m2'], // KG_PER_M_SQ
  [2130, 'mg/dL'], // MILLI_G_PER_DL
  [2720, '/min'], // BEAT_PER_MIN
  [2784, '/min'], // RESP_PER_MIN
  [2816, 'm/s'], // M_PER_SEC
  [3843, 'kPa'], // KILO_PASCAL
  [3872, 'mm[Hg]'], // MMHG
  [4416, '[degF]'], // FAHR
  [4722, 'mmol/L'], // MILLI_MOLE_PER_L
  [6048, 'Cel'], // DEGC
]);

// GHSS Measurement Status. Thresholds are findings, not doubts.
const STATUS: Readonly<Record<GhsStatusFlag, QualityFlag | null>> = {
  invalid: 'invalid',
  questionable: 'questionable',
  unavailable: 'unavailable',
  calibrating: 'calibrating',
  test: 'test',
  earlyEstimate: 'early-estimate',
  thresholdError: null,
  thresholdingDisabled: null,
};

/** 2B8B. */
export function liveReadings(bytes: Uint8Array): Measurement {
  return observationReadings(bytes, []);
}

/** 2BDD. */
export function storedReadings(bytes: Uint8Array): Measurement {
  return observationReadings(bytes, ['from-storage']);
}

function observationReadings(bytes: Uint8Array, flags: readonly QualityFlag[]): Measurement {
  const decoded = decodeLiveHealthObservation(bytes);
  if ('data' in decoded) return notAResult('segment');
  const found = observationsOf(decoded).map((observation) => readObservation(observation, flags));
  return measurement(
    bytes,
    found.flatMap(({ readings }) => readings),
    found.flatMap(({ notResults }) => notResults),
  );
}

/** Each observation with the fields of the bundle where it has none of its own. */
function observationsOf(decoded: GhsObservation | GhsBundle): GhsObservation[] {
  if (decoded.class !== GHS_CLASS.bundle) return [decoded];
  return decoded.observations.map((observation) => ({
    ...observation,
    type: observation.type ?? decoded.type,
    time: observation.time ?? decoded.time,
    status: observation.status ?? decoded.status,
    patient: observation.patient ?? decoded.patient,
  }));
}

interface Found {
  readonly readings: readonly Details[];
  readonly notResults: readonly NotAResult[];
}

function readObservation(observation: GhsObservation, extra: readonly QualityFlag[]): Found {
  const { type } = observation;
  const shared = sharedOf(observation, extra);
  if (observation.class === GHS_CLASS.compound) return readCompound(type, observation.components, shared);
  return readPart({ ...observation, type }, shared);
}

function sharedOf({ status, time, patient }: GhsFields, extra: readonly QualityFlag[]) {
  const flags = [...extra, ...(status ?? []).map((name) => STATUS[name])].filter((flag) => flag !== null);
  const clock = time === null ? {} : clockOf(time);
  const lost = time !== null && !('deviceClock' in clock);
  return {
    flags: sortFlags(lost ? [...flags, 'clock-not-set'] : flags),
    ...clock,
    ...userOf(patient),
    ...(status?.includes('test') && { isTest: true as const }),
  };
}

type Shared = ReturnType<typeof sharedOf>;

/** What a counter shows, or a clock that was set since, is no time of day. */
function clockOf(time: ElapsedTime): Pick<Details, 'deviceClock' | 'zoneMin'> {
  if (time.tick || !time.currentTimeline) return {};
  const offsetMin = time.tzUsed ? time.offset15 * 15 : undefined;
  // Local time without its offset is read as if it were UTC, and stays without a zone.
  const instant = elapsedTimeInstant(time.utc || time.tzUsed ? time : { ...time, utc: true });
  if (instant === undefined) return {};
  if (!time.utc && offsetMin === undefined) return { deviceClock: instantToWallClock(instant, 0) };
  const zoneMin = offsetMin !== undefined && isZone(offsetMin) ? offsetMin : 0;
  const deviceClock = instantToWallClock(instant, zoneMin);
  return deviceClock.startsWith('+') ? {} : { deviceClock, zoneMin };
}

type Part = { readonly type: number | null } & GhsValue;

/** One number, in the unit of a row. */
function readPart(part: Part, shared: Shared): Found {
  const read = numberOf(part);
  if (typeof read === 'string') return { readings: [], notResults: [read] };
  return { readings: [{ ...read, ...shared }], notResults: [] };
}

function numberOf(part: Part): { vital: number; value: SensorValue; unit: string } | NotAResult {
  const row = part.type === null ? undefined : vitalSignByMdc(part.type);
  if (!row || row.components) return 'unknown-code';
  if (part.class !== GHS_CLASS.numeric) return 'not-numeric';
  const unit = UNITS.get(part.unitCode);
  if (unit === undefined || !hasUnit(row, unit)) return 'unknown-unit';
  return { vital: row.mdc, value: part.value, unit };
}

/** A panel of the table, in its order and in one unit; what else the compound holds is read by itself. */
function readCompound(type: number | null, parts: readonly Part[], shared: Shared): Found {
  const panel = type === null ? undefined : vitalSignByMdc(type);
  const order = panel?.components ?? [];
  const [inside, beside] = [true, false].map((wanted) =>
    parts.filter((part) => (part.type !== null && order.includes(part.type)) === wanted),
  ) as [Part[], Part[]];
  const found = beside.map((part) => readPart(part, shared));
  if (panel && inside.length > 0) found.unshift(readPanel(panel.mdc, order, inside, shared));
  return {
    readings: found.flatMap(({ readings }) => readings),
    notResults: found.flatMap(({ notResults }) => notResults),
  };
}

function readPanel(vital: number, order: readonly number[], parts: readonly Part[], shared: Shared): Found {
  const notResults: NotAResult[] = [];
  const components: { vital: number; value: SensorValue }[] = [];
  let unit: string | undefined;
  for (const code of order) {
    for (const part of parts.filter((candidate) => candidate.type === code)) {
      const read = numberOf(part);
      if (typeof read === 'string') notResults.push(read);
      else if (components.some((component) => component.vital === code)) notResults.push('repeated');
      else if (unit !== undefined && unit !== read.unit) notResults.push('unknown-unit');
      else {
        unit = read.unit;
        components.push({ vital: code, value: read.value });
      }
    }
  }
  return { readings: unit === undefined ? [] : [{ vital, components, unit, ...shared }], notResults };
}
