/**
 * Structural rules of FHIR R4 and of its vital-signs profiles, by hand from the specification: what a validator would
 * complain of first. Each function expects, in the sense of vitest.
 */
import { expect } from 'vitest';

type Json = { readonly [key: string]: unknown };

/** FHIR R4 datatypes.html */
const ID = /^[A-Za-z0-9\-.]{1,64}$/;
const CODE = /^[^\s]+(\s[^\s]+)*$/;
const DATE_TIME =
  /^\d{4}(-(0[1-9]|1[0-2])(-\d{2}(T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00)))?)?)?$/;
const REFERENCE = /^[A-Z][A-Za-z]+\/[A-Za-z0-9\-.]{1,64}$/;

/** Rules of every resource and element: no empty object, array or string, no null; ids, codes and references. */
export function expectWellFormed(resource: object): void {
  const json = JSON.parse(JSON.stringify(resource)) as Json;
  expect(json.resourceType).toMatch(/^[A-Z]/);
  if (json.id !== undefined) expect(json.id).toMatch(ID);
  walk(json, String(json.resourceType));
}

function walk(value: unknown, path: string): void {
  expect(value, path).not.toBeNull();
  if (typeof value === 'string') expect(value.trim(), path).not.toBe('');
  if (typeof value !== 'object' || value === null) return;
  const entries = Object.entries(value);
  expect(entries.length, `${path} is empty`).toBeGreaterThan(0);
  for (const [key, child] of entries) {
    if (key === 'code' && typeof child === 'string') expect(child, path).toMatch(CODE);
    if (key === 'reference' && typeof child === 'string') expect(child, path).toMatch(REFERENCE);
    if (key === 'system' && typeof child === 'string') expect(child, path).toMatch(/^(https?:|urn:)/);
    if (key === 'url' && path.includes('extension')) expect(child, path).toMatch(/^https?:/);
    if (key === 'extension') expectExtensions(child as Json[], path);
    walk(child, `${path}.${key}`);
  }
}

/** FHIR R4 ext-1: an extension has a url and either a value or extensions. */
function expectExtensions(extensions: readonly Json[], path: string): void {
  for (const extension of extensions) {
    const values = Object.keys(extension).filter((key) => key.startsWith('value'));
    expect(typeof extension.url, path).toBe('string');
    expect(values.length, path).toBe(1);
  }
}

/** Observation: required elements, obs-6, vs-2, vs-3, effective time, and what its claimed profiles demand. */
export function expectObservation(resource: object): void {
  expectWellFormed(resource);
  const json = JSON.parse(JSON.stringify(resource)) as Json & { meta?: { profile?: string[] } };
  expect(json.resourceType).toBe('Observation');
  expect(['final', 'preliminary', 'amended', 'corrected', 'entered-in-error']).toContain(json.status);
  expect(codings(json.code).length).toBeGreaterThan(0);
  expect(json.subject).toBeDefined();
  expectOneValue(json, ((json.component as Json[]) ?? []).length > 0);
  for (const component of (json.component ?? []) as Json[]) {
    expect(codings(component.code).length).toBeGreaterThan(0);
    expectOneValue(component, false); // vs-3
  }
  if (json.effectiveDateTime !== undefined) expect(json.effectiveDateTime).toMatch(DATE_TIME);
  // FHIR R4 observation-category: at most one of the codes that are used here.
  const known = (json.category as Json[])
    .flatMap(codings)
    .filter(({ system }) => system?.endsWith('observation-category'));
  expect(known.length).toBeLessThanOrEqual(1);
  for (const { code } of known) expect(['vital-signs', 'laboratory', 'activity']).toContain(code);
  if (json.bodySite !== undefined) expect(codings(json.bodySite).length).toBeGreaterThan(0);
  const profiles = json.meta?.profile ?? [];
  for (const profile of profiles) expectProfile(profile.replace('http://hl7.org/fhir/StructureDefinition/', ''), json);
}

/** obs-6 and vs-2: a value, a reason for its absence, or parts; never two of the first. */
function expectOneValue(json: Json, hasParts: boolean): void {
  const found = [json.valueQuantity, json.valueCodeableConcept, json.dataAbsentReason].filter(
    (part) => part !== undefined,
  );
  if (hasParts) expect(found.length).toBeLessThanOrEqual(1);
  else expect(found.length).toBe(1);
}

const PROFILES: Record<string, { loinc: string; units: string[] }> = {
  heartrate: { loinc: '8867-4', units: ['/min'] },
  bodytemp: { loinc: '8310-5', units: ['Cel', '[degF]'] },
  oxygensat: { loinc: '2708-6', units: ['%'] },
  bp: { loinc: '85354-9', units: ['mm[Hg]'] },
  resprate: { loinc: '9279-1', units: ['/min'] },
  bodyweight: { loinc: '29463-7', units: ['kg', 'g', '[lb_av]'] },
  bodyheight: { loinc: '8302-2', units: ['cm', '[in_i]'] },
  bmi: { loinc: '39156-5', units: ['kg/m2'] },
};

function expectProfile(name: string, json: Json): void {
  const categories = (json.category as Json[]).flatMap(codings);
  const category = { system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'vital-signs' };
  expect(categories).toContainEqual(category);
  expect(json.effectiveDateTime ?? json._effectiveDateTime).toBeDefined();
  if (name === 'vitalsigns') return;
  const rule = PROFILES[name]!;
  expect(rule, name).toBeDefined();
  expect(codings(json.code)).toContainEqual({ system: 'http://loinc.org', code: rule.loinc });
  const parts = name === 'bp' ? (json.component as Json[]) : [json];
  for (const part of parts) {
    const quantity = part.valueQuantity as Json | undefined;
    if (quantity === undefined) continue;
    expect(quantity.system).toBe('http://unitsofmeasure.org');
    expect(rule.units).toContain(quantity.code);
    expect(typeof quantity.unit).toBe('string');
    expect(typeof quantity.value).toBe('number');
  }
  if (name !== 'bp') return;
  const loincs = parts.flatMap((part) => codings(part.code)).map(({ code }) => code);
  expect(loincs).toEqual(expect.arrayContaining(['8480-6', '8462-4']));
}

function codings(concept: unknown): { system?: string; code: string }[] {
  return ((concept as { coding?: { system?: string; code: string }[] })?.coding ?? []).map(({ system, code }) => ({
    ...(system !== undefined && { system }),
    code,
  }));
}
