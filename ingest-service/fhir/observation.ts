/**
 * A reading as a FHIR R4 Observation: a pure function of the signed leaf and of ids, so that anybody maps again and
 * compares all but `id` and `meta`. It follows the R4 vital-signs profiles and takes its shape from the HL7 Personal Health
 * Device guide (PHD): MDC and LOINC codings, UCUM, gateway extension, measurement status, HTEST.
 */
import type { ReadingLeaf } from '../../protocol/leaf.ts';
import { measuredAgain } from '../../protocol/recheck.ts';
import { formatInstant, type Instant } from '../../protocol/time.ts';
import { hasUnit, type VitalSign, vitalSignByMdc } from '../../protocol/vital-signs.ts';
import {
  CANONICAL,
  type CodeableConcept,
  type Extension,
  type Identifier,
  LOINC_SYSTEM,
  MDC_SYSTEM,
  metaOf,
  READING_SYSTEM,
  type Reference,
  type Resource,
  unlessEmpty,
} from './elements.ts';
import { type CodedComponent, kindCodings, mealComponents } from './glucose-context.ts';
import { qualityStatusOf } from './quality-status.ts';
import { absentBecause, type Measured, toMeasured } from './quantity.ts';

/** FHIR R4 Observation.status, as far as it is used. */
export type ObservationStatus = 'final' | 'preliminary' | 'amended' | 'corrected' | 'entered-in-error';

export interface ObservationInput {
  /** `formatReadingId`; becomes Observation.id. */
  readonly readingId: string;
  readonly leaf: ReadingLeaf;
  /** Patient.id, local to this record. */
  readonly patientId: string;
  /** Device.id of the wearable (`deviceIdOf` its handle). */
  readonly deviceId: string;
  /** Device.id of the gateway: the agent id. */
  readonly gatewayId: string;
  /** Becomes meta.lastUpdated. */
  readonly filedAt?: Instant;
  /** What corrected it; absent for a reading that stands as it was signed. */
  readonly correction?: ObservationCorrection;
  /** The version that took its place, of one that was corrected since. */
  readonly supersededBy?: number;
}

/** What of a correction is shown; the rest is in the Provenance. */
export interface ObservationCorrection {
  readonly act: 'amend' | 'withdraw';
  readonly reason: string;
  /** The value itself was replaced, and not only its time. */
  readonly isOfValue: boolean;
  /** meta.versionId; the original is 1. */
  readonly version: number;
}

export type Component = ({ readonly code: CodeableConcept } & Measured) | CodedComponent;

export interface Observation extends Resource {
  readonly resourceType: 'Observation';
  readonly id: string;
  readonly extension: readonly Extension[];
  readonly identifier: readonly Identifier[];
  readonly status: ObservationStatus;
  readonly category: readonly CodeableConcept[];
  readonly code: CodeableConcept;
  readonly subject: Reference;
  readonly effectiveDateTime?: string;
  readonly valueQuantity?: Extract<Measured, { valueQuantity: unknown }>['valueQuantity'];
  readonly dataAbsentReason?: CodeableConcept;
  readonly interpretation?: readonly CodeableConcept[];
  /** Where a temperature or a drop of blood was taken, when the device said so. */
  readonly bodySite?: CodeableConcept;
  readonly device: Reference;
  readonly component?: readonly Component[];
}

/** FHIR R4 observation-gatewayDevice; HL7 PHD asks for exactly one. */
const GATEWAY_DEVICE = 'http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice';

/** Ours: why it was corrected or withdrawn (protocol/correction-leaf.ts); and what took its place. */
const CORRECTION_REASON = `${CANONICAL}/StructureDefinition/correction-reason`;
const SUPERSEDED_BY = `${CANONICAL}/StructureDefinition/superseded-by`;

/** Ours, repeated: what the device or the agent noted about the value (protocol/gatt/quality.ts). */
const QUALITY_FLAG = `${CANONICAL}/StructureDefinition/quality-flag`;

export function toObservation(input: ObservationInput): Observation {
  const { readingId, leaf, patientId, deviceId, gatewayId, filedAt, correction, supersededBy } = input;
  const row = vitalSignByMdc(leaf.vital);
  const quality = qualityStatusOf(leaf.flags);
  // What was withdrawn must not be read as a number by who does not look at the status; the version before has it.
  const absent = correction?.act === 'withdraw' ? 'error' : quality.absent;
  // A number that the device itself calls invalid must not be read as one (HL7 PHD: measurement status goes first).
  const measure = (part: VitalSign | undefined, value: NonNullable<ReadingLeaf['value']>) =>
    absent === undefined ? toMeasured(part, leaf.unit, value) : absentBecause(absent);
  const parts = (leaf.components ?? []).map(
    ({ vital, value }): Component => ({
      code: codeOf(vital, vitalSignByMdc(vital), leaf),
      ...measure(vitalSignByMdc(vital), value),
    }),
  );
  return {
    resourceType: 'Observation',
    id: readingId,
    ...metaOf({
      test: leaf.test || quality.test,
      version: correction?.version ?? (supersededBy === undefined ? undefined : supersededBy - 1),
      lastUpdated: filedAt,
      profiles: profilesOf(row, leaf),
    }),
    extension: [
      { url: GATEWAY_DEVICE, valueReference: { reference: `Device/${gatewayId}` } },
      ...leaf.flags.filter(isCode).map((flag) => ({ url: QUALITY_FLAG, valueCode: flag })),
      ...(correction ? [{ url: CORRECTION_REASON, valueCode: correction.reason }] : []),
      ...(supersededBy === undefined
        ? []
        : [{ url: SUPERSEDED_BY, valueReference: { reference: versionOf(readingId, supersededBy) } }]),
    ],
    // HL7 PHD Observation Identifier: its conditional-create form needs the wearable's EUI-64, which no reading carries,
    // and serves where one measurement may be uploaded twice. Doubles are dropped before filing, so ours is enough.
    identifier: [{ system: READING_SYSTEM, value: readingId }],
    status: statusOf(correction) ?? quality.status,
    category: categoriesOf(row),
    code: codeOf(leaf.vital, row, leaf),
    subject: { reference: `Patient/${patientId}` },
    ...effectiveOf(leaf),
    ...(leaf.value !== undefined && measure(row, leaf.value)),
    ...(leaf.value === undefined && parts.length === 0 && absentBecause('error')), // FHIR R4 vs-2
    ...unlessEmpty('interpretation', quality.interpretation),
    ...bodySiteOf(leaf),
    device: { reference: `Device/${deviceId}` },
    ...unlessEmpty('component', [...parts, ...mealComponents(leaf.flags)]),
  };
}

/** FHIR R4 http.html §vread: a reference to one version. */
export function versionOf(readingId: string, version: number): string {
  return `Observation/${readingId}/_history/${version}`;
}

/** FHIR R4 observation-status. */
function statusOf(correction: ObservationCorrection | undefined): ObservationStatus | undefined {
  if (!correction) return undefined;
  if (correction.act === 'withdraw') return 'entered-in-error';
  return correction.isOfValue ? 'corrected' : 'amended';
}

function codeOf(mdc: number, row: VitalSign | undefined, { unit, flags }: ReadingLeaf): CodeableConcept {
  const byUnit = row?.loincByUnit ?? {};
  const loinc = [...(row?.loinc ?? []), ...(Object.hasOwn(byUnit, unit) ? byUnit[unit]! : [])];
  return {
    coding: [
      { system: MDC_SYSTEM, code: String(mdc) },
      ...kindCodings(mdc, flags),
      ...loinc.map((code) => ({ system: LOINC_SYSTEM, code })),
    ],
    ...(row && { text: row.title }),
  };
}

/** Not in the leaf itself, but in its raw bytes: they are read again. */
function bodySiteOf(leaf: ReadingLeaf): { readonly bodySite?: CodeableConcept } {
  const site = measuredAgain(leaf)?.site;
  return site === undefined ? {} : { bodySite: { coding: [{ system: MDC_SYSTEM, code: String(site) }] } };
}

function categoriesOf(row: VitalSign | undefined): CodeableConcept[] {
  const phd = { system: 'http://hl7.org/fhir/uv/phd/CodeSystem/PhdObservationCategories', code: 'phd' };
  // FHIR R4 observation-category has none for a battery level, which is no observation of the patient, nor for a meal.
  if (!row || row.category === 'device' || row.category === 'context') return [{ coding: [phd] }];
  const system = 'http://terminology.hl7.org/CodeSystem/observation-category';
  return [{ coding: [{ system, code: row.category }] }, { coding: [phd] }];
}

/** FHIR R4 observation-vitalsigns.html: the profile that each LOINC code demands. */
const PROFILES: Readonly<Record<string, string>> = {
  '8867-4': 'heartrate',
  '85354-9': 'bp',
  '8310-5': 'bodytemp',
  '2708-6': 'oxygensat',
  '9279-1': 'resprate',
  '29463-7': 'bodyweight',
  '8302-2': 'bodyheight',
  '39156-5': 'bmi',
};

/** Profiles that the Observation satisfies; none is claimed for a unit or a panel that it would refuse. */
function profilesOf(row: VitalSign | undefined, leaf: ReadingLeaf): string[] {
  if (row?.category !== 'vital-signs' || !isComplete(row, leaf)) return [];
  const profile = row.loinc.map((code) => PROFILES[code]).find((name) => name !== undefined) ?? 'vitalsigns';
  return [`http://hl7.org/fhir/StructureDefinition/${profile}`];
}

function isComplete(row: VitalSign, { unit, components }: ReadingLeaf): boolean {
  if (row.components === undefined) return hasUnit(row, unit);
  const parts = new Map((components ?? []).map(({ vital }) => [vital, vitalSignByMdc(vital)]));
  // FHIR R4 bp: systolic and diastolic are required, the mean is not.
  const [systolic, diastolic] = row.components;
  const required = [systolic, diastolic].every((vital) => vital !== undefined && parts.has(vital));
  return required && [...parts.values()].every((part) => part !== undefined && hasUnit(part, unit));
}

const FIRST_INSTANT = -62_135_596_800_000; // 0001-01-01T00:00:00.000Z
const LAST_INSTANT = 253_402_300_799_999; // 9999-12-31T23:59:59.999Z
const MOST_OFFSET = 14 * 60; // FHIR R4 datatypes.html: offsets reach 14:00

/** Local time with its offset. An agent may sign a time that no calendar holds: then it is absent, and said to be. */
function effectiveOf({ measuredAt, zoneMin }: ReadingLeaf): object {
  const offset = Math.abs(zoneMin) <= MOST_OFFSET ? zoneMin : 0;
  const local = measuredAt + offset * 60_000;
  if (local >= FIRST_INSTANT && local <= LAST_INSTANT) {
    return { effectiveDateTime: formatInstant(measuredAt, offset) };
  }
  const url = 'http://hl7.org/fhir/StructureDefinition/data-absent-reason';
  return { _effectiveDateTime: { extension: [{ url, valueCode: 'error' }] } };
}

function isCode(flag: string): boolean {
  return /^[a-z0-9-]{1,64}$/.test(flag);
}
