/**
 * Search parameters of Observation, read strictly (FHIR R4 search.html, `Prefer: handling=strict`): what is not understood
 * is refused and named, because a filter that is silently ignored shows readings that nobody asked for.
 */
import { parseReadingId } from '../../protocol/batch.ts';
import { decodeBase64Url, encodeBase64Url } from '../../protocol/bytes.ts';
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts';
import { Fault } from '../../protocol/fault.ts';
import type { Instant } from '../../protocol/time.ts';
import { allVitalSigns, type VitalSign } from '../../protocol/vital-signs.ts';
import { type InstantRange, intersectRanges, parseDateParameter } from './date-search.ts';
import { LOINC_SYSTEM, MDC_SYSTEM } from './elements.ts';

/** The last reading of a page; the next page starts after it. */
export interface SearchCursor {
  readonly measuredAt: Instant;
  readonly readingId: string;
}

/** What was asked for. */
export interface ObservationQuery extends InstantRange {
  readonly patientId: string;
  /** MDC codes. Absent: no `code` was asked for, so every vital sign. Empty: no vital sign has such a code, so nothing. */
  readonly vitals?: readonly number[];
  /** Observation ids, when `_id` was given: only those of them that the rest of the query allows. */
  readonly ids?: readonly string[];
  /** By time of measurement; newest first unless asked otherwise. */
  readonly sort: 'asc' | 'desc';
  /** Most matches on one page, 1..{@link MAX_COUNT}. */
  readonly count: number;
  readonly cursor?: SearchCursor;
}

export const DEFAULT_COUNT = 100;
export const MAX_COUNT = 1000;

/** As in CapabilityStatement.rest.resource.searchParam. */
export const OBSERVATION_PARAMETERS = [
  { name: 'patient', type: 'reference', documentation: 'Required: id, or Patient/id' },
  {
    name: 'code',
    type: 'token',
    documentation: 'LOINC or 11073-10101 (MDC): system|code or code; a list means any of it',
  },
  { name: 'date', type: 'date', documentation: 'eq gt ge lt le sa eb; repeat it for an interval; UTC without a zone' },
  { name: '_id', type: 'token', documentation: 'One id, or a list' },
] as const;

const MOST_VALUES = 100;

/** The query of a request; `query` is the text after `?`. Throws `malformed`, whose message begins with the parameter. */
export function parseObservationQuery(query: string | URLSearchParams): ObservationQuery {
  const parameters = new URLSearchParams(query);
  const single = new Map<string, string>();
  const dates: InstantRange[] = [];
  const codes: string[] = [];
  let seen = 0;
  for (const [name, value] of parameters) {
    if (++seen > MOST_VALUES) throw new Fault('malformed', 'too many parameters');
    if (name === 'date') dates.push(parseDateParameter(value));
    else if (name === 'code') codes.push(value);
    else if (!SINGLE.has(name)) throw new Fault('malformed', `${safeName(name)}: parameter not supported`);
    else if (single.has(name)) throw new Fault('malformed', `${name}: given twice`);
    else single.set(name, value);
  }
  const patient = single.get('patient');
  if (patient === undefined) throw new Fault('malformed', 'patient: is required');
  const ids = single.get('_id');
  const cursor = single.get('_cursor');
  checkFormat(single.get('_format'));
  return {
    patientId: parsePatient(patient),
    ...(codes.length > 0 && { vitals: vitalsOf(codes) }),
    ...intersectRanges(dates),
    ...(ids !== undefined && { ids: splitList('_id', ids) }),
    sort: parseSort(single.get('_sort')),
    count: parseCount(single.get('_count')),
    ...(cursor !== undefined && { cursor: decodeCursor(cursor) }),
  };
}

const SINGLE: ReadonlySet<string> = new Set(['patient', '_id', '_sort', '_count', '_cursor', '_format']);

/** Query text of the page after a cursor: the same search otherwise. */
export function nextPageQuery(query: string | URLSearchParams, cursor: SearchCursor): string {
  const parameters = new URLSearchParams(query);
  parameters.set('_cursor', encodeCursor(cursor));
  return parameters.toString();
}

/** Opaque to clients. It says where a page ended and permits nothing: every page is decided anew. */
export function encodeCursor({ measuredAt, readingId }: SearchCursor): string {
  return encodeBase64Url(encodeCbor([measuredAt, readingId]));
}

/** Throws `malformed` for anything that {@link encodeCursor} did not write. */
export function decodeCursor(text: string): SearchCursor {
  try {
    const parts = decodeCbor(decodeBase64Url(text));
    const [measuredAt, readingId] = Array.isArray(parts) && parts.length === 2 ? parts : [];
    if (typeof measuredAt === 'number' && typeof readingId === 'string' && parseReadingId(readingId)) {
      return { measuredAt, readingId };
    }
  } catch {
    // Told below, with the parameter's name.
  }
  throw new Fault('malformed', '_cursor: not one of ours');
}

function parsePatient(value: string): string {
  const id = /^(?:Patient\/)?([A-Za-z0-9.-]{1,64})$/.exec(value)?.[1];
  if (id === undefined) throw new Fault('malformed', 'patient: neither an id nor Patient/id');
  return id;
}

/** MDC codes that every `code` parameter allows. */
function vitalsOf(codes: readonly string[]): number[] {
  const alternatives = codes.map((code) => splitList('code', code).map(matcherOf));
  return allVitalSigns()
    .filter((row) => alternatives.every((matchers) => matchers.some((matches) => matches(row))))
    .map(({ mdc }) => mdc);
}

/** FHIR R4 search.html §token: `code` in any system, `system|code`, `system|` for all of it, `|code` without a system. */
function matcherOf(token: string): (row: VitalSign) => boolean {
  const [system, code, ...more] = token.includes('|') ? token.split('|') : [undefined, token];
  if (more.length > 0 || (code === '' && !system)) throw new Fault('malformed', 'code: not a token');
  const mdc = ({ mdc }: VitalSign) => code === '' || String(mdc) === code;
  // A code that holds for one unit finds the vital sign: in which unit a device measures is not known before.
  const loinc = (row: VitalSign) =>
    code === '' ? loincOf(row).length > 0 : loincOf(row).some((known) => known === code);
  switch (system) {
    case undefined:
      return (row) => mdc(row) || loinc(row);
    case MDC_SYSTEM:
      return mdc;
    case LOINC_SYSTEM:
      return loinc;
    default:
      return () => false;
  }
}

function loincOf({ loinc, loincByUnit = {} }: VitalSign): string[] {
  return [...loinc, ...Object.values(loincByUnit).flat()];
}

function splitList(name: string, value: string): string[] {
  const list = value.split(',');
  if (list.length > MOST_VALUES || list.includes('')) throw new Fault('malformed', `${name}: empty or too long a list`);
  return list;
}

function parseSort(value = '-date'): 'asc' | 'desc' {
  if (value !== 'date' && value !== '-date') throw new Fault('malformed', '_sort: date or -date');
  return value === 'date' ? 'asc' : 'desc';
}

function parseCount(value = String(DEFAULT_COUNT)): number {
  const count = /^[1-9]\d{0,3}$/.test(value) ? Number(value) : 0;
  if (count < 1 || count > MAX_COUNT) throw new Fault('malformed', `_count: 1 to ${MAX_COUNT}`);
  return count;
}

/** FHIR R4 http.html §mime-type; there is only JSON. */
function checkFormat(value = 'json'): void {
  if (!['json', 'application/json', 'application/fhir+json', 'application/fhir json'].includes(value)) {
    throw new Fault('malformed', '_format: only JSON is spoken');
  }
}

/** A name that may be said back: a client puts its own text there, and it goes into answers. */
function safeName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_:.-]{0,63}$/.test(name) ? name : 'unnamed';
}
