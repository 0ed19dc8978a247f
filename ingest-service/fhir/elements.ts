/** FHIR R4 data types as far as they are used, and the code systems that are spoken. */
import { encodeBase32 } from '../../protocol/bytes.ts';
import { formatInstant, type Instant } from '../../protocol/time.ts';
import type { JsonDecimal } from './json.ts';

/** ISO/IEEE 11073-10101 nomenclature; codes are decimal strings (HL7 PHD). */
export const MDC_SYSTEM = 'urn:iso:std:iso:11073:10101';
export const LOINC_SYSTEM = 'http://loinc.org';
export const UCUM_SYSTEM = 'http://unitsofmeasure.org';
export const DATA_ABSENT_REASON = 'http://terminology.hl7.org/CodeSystem/data-absent-reason';

/** Base of our own extensions and identifiers. The name is reserved (RFC 2606) until the project has a domain. */
export const CANONICAL = 'https://veravita.example/fhir';

/** Identifier system of reading ids, which stay when another server gives the resource an id of its own. */
export const READING_SYSTEM = `${CANONICAL}/reading`;
export const BATCH_SYSTEM = `${CANONICAL}/batch`;
export const DEVICE_SYSTEM = `${CANONICAL}/device`;
export const AGENT_SYSTEM = `${CANONICAL}/agent`;

export interface Coding {
  readonly system?: string;
  readonly code: string;
  readonly display?: string;
}

export interface CodeableConcept {
  readonly coding?: readonly Coding[];
  readonly text?: string;
}

export interface Reference {
  readonly reference?: string;
  readonly display?: string;
  readonly identifier?: Identifier;
}

export interface Identifier {
  readonly type?: CodeableConcept;
  readonly system?: string;
  readonly value: string;
}

export interface Quantity {
  readonly extension?: readonly Extension[];
  readonly value: JsonDecimal;
  readonly unit: string;
  readonly system: string;
  readonly code: string;
}

export interface Extension {
  readonly url: string;
  readonly valueCode?: string;
  readonly valueReference?: Reference;
  readonly valueQuantity?: Quantity;
}

export interface Meta {
  readonly versionId?: string;
  readonly lastUpdated?: string;
  readonly profile?: readonly string[];
  readonly security?: readonly Coding[];
}

/** What every resource has. */
export interface Resource {
  readonly resourceType: string;
  readonly id?: string;
  readonly meta?: Meta;
}

/** Security label of simulated, replayed and demonstration data (HL7 PHD, v3 ActReason). */
export const HTEST: Coding = {
  system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason',
  code: 'HTEST',
  display: 'test health data',
};

/** `{ [name]: list }`, or nothing for an empty list: FHIR R4 json.html allows no empty array. */
export function unlessEmpty<K extends string, T>(name: K, list: readonly T[]): { [P in K]?: readonly T[] } {
  return list.length === 0 ? {} : ({ [name]: list } as { [P in K]: readonly T[] });
}

/** `meta` of a resource. */
export function metaOf(parts: {
  readonly test: boolean;
  readonly version?: number | undefined;
  readonly lastUpdated?: Instant | undefined;
  readonly profiles?: readonly string[];
}): { readonly meta?: Meta } {
  const meta: Meta = {
    ...(parts.version !== undefined && { versionId: String(parts.version) }),
    ...(parts.lastUpdated !== undefined && { lastUpdated: formatInstant(parts.lastUpdated) }),
    ...unlessEmpty('profile', parts.profiles ?? []),
    ...(parts.test && { security: [HTEST] }),
  };
  return Object.keys(meta).length === 0 ? {} : { meta };
}

/** Device.id of a wearable: text form of its handle, which is another one in each patient's record. */
export function deviceIdOf(handle: Uint8Array): string {
  return encodeBase32(handle);
}
