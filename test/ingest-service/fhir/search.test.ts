import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeCursor,
  encodeCursor,
  nextPageQuery,
  parseObservationQuery,
} from '../../../ingest-service/fhir/search.ts';
import { formatReadingId } from '../../../protocol/batch.ts';
import { encodeBase64Url } from '../../../protocol/bytes.ts';
import { encodeCbor } from '../../../protocol/cbor.ts';
import { Fault } from '../../../protocol/fault.ts';
import { encodeId } from '../../../protocol/keys.ts';
import { MDC } from '../../../protocol/vital-signs.ts';

const readingId = formatReadingId(encodeId(new Uint8Array(32).fill(3)), 12);
const parse = (query: string) => parseObservationQuery(`patient=p1${query && `&${query}`}`);
const utc = (text: string) => Date.parse(text);

function refusal(query: string): string {
  try {
    parseObservationQuery(query);
  } catch (error) {
    if (error instanceof Fault && error.code === 'malformed') return error.message;
    throw error;
  }
  return 'none';
}

describe('observation search', () => {
  it('has defaults', () => {
    expect(parse('')).toEqual({ patientId: 'p1', sort: 'desc', count: 100 });
    expect(parseObservationQuery('patient=Patient%2Fp1').patientId).toBe('p1');
  });

  it('reads all parameters together', () => {
    const cursor = { measuredAt: 5, readingId };
    const query = `code=8867-4&date=ge2026-01-01&date=lt2026-02-01&_sort=date&_count=7&_id=a,b&_format=json&_cursor=${encodeCursor(cursor)}`;
    expect(parse(query)).toEqual({
      patientId: 'p1',
      vitals: [MDC.heartRate, MDC.pulse, MDC.cuffPulse, MDC.oximeterPulse],
      from: utc('2026-01-01T00:00:00Z'),
      to: utc('2026-02-01T00:00:00Z'),
      ids: ['a', 'b'],
      sort: 'asc',
      count: 7,
      cursor,
    });
  });

  it.each<[string, number[]]>([
    ['147842', [MDC.heartRate]],
    ['urn:iso:std:iso:11073:10101|147842', [MDC.heartRate]],
    ['http://loinc.org|85354-9', [MDC.bloodPressure]],
    ['8310-5,99504-3', [MDC.temperature, MDC.glucose]],
    ['59408-5', [MDC.oxygenSaturation]],
    ['15074-8', [MDC.venousGlucose, MDC.arterialGlucose, MDC.bloodGlucose]],
    ['http://loinc.org|147842', []],
    ['http://snomed.info/sct|364075005', []],
    ['|8867-4', []],
    ['0', []],
  ])('code=%s', (code, vitals) => {
    expect(parse(`code=${encodeURIComponent(code)}`).vitals).toEqual(vitals);
  });

  it('takes a whole code system, and several codes as all of them', () => {
    const everything = parse(`code=${encodeURIComponent('urn:iso:std:iso:11073:10101|')}`).vitals!;
    const withLoinc = parse(`code=${encodeURIComponent('http://loinc.org|')}`).vitals!;
    expect(everything).toContain(MDC.battery);
    expect(withLoinc).not.toContain(MDC.battery);
    expect(parse('code=8867-4&code=147842').vitals).toEqual([MDC.heartRate]);
    expect(parse('code=8867-4&code=8310-5').vitals).toEqual([]);
  });

  it.each<[string, string | undefined, string | undefined]>([
    ['2026', '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['eq2026-12', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['2024-02-29', '2024-02-29T00:00:00Z', '2024-03-01T00:00:00Z'],
    ['2026-01-15T10:30', '2026-01-15T10:30:00Z', '2026-01-15T10:31:00Z'],
    ['2026-01-15T10:30Z', '2026-01-15T10:30:00Z', '2026-01-15T10:31:00Z'],
    ['2026-01-15T10:30:05', '2026-01-15T10:30:05Z', '2026-01-15T10:30:06Z'],
    ['2026-01-15T10:30:05.25Z', '2026-01-15T10:30:05.250Z', '2026-01-15T10:30:05.260Z'],
    ['2026-01-15T10:30:05+01:30', '2026-01-15T09:00:05Z', '2026-01-15T09:00:06Z'],
    ['2026-01-15T10:30:05-05:00', '2026-01-15T15:30:05Z', '2026-01-15T15:30:06Z'],
    ['gt2026-01-15', '2026-01-16T00:00:00Z', undefined],
    ['sa2026-01-15', '2026-01-16T00:00:00Z', undefined],
    ['ge2026-01-15', '2026-01-15T00:00:00Z', undefined],
    ['lt2026-01-15', undefined, '2026-01-15T00:00:00Z'],
    ['eb2026-01-15', undefined, '2026-01-15T00:00:00Z'],
    ['le2026-01-15', undefined, '2026-01-16T00:00:00Z'],
    ['9999', '9999-01-01T00:00:00Z', '+010000-01-01T00:00:00Z'],
  ])('date=%s', (date, from, to) => {
    const query = parse(`date=${encodeURIComponent(date)}`);
    expect([query.from, query.to]).toEqual([from && utc(from), to && utc(to)]);
  });

  it('takes the narrowest of several dates, also when nothing is left', () => {
    const both = parse('date=gt2026-01-01&date=ge2026-01-10&date=le2026-01-20&date=lt2026-03');
    expect([both.from, both.to]).toEqual([utc('2026-01-10T00:00:00Z'), utc('2026-01-21T00:00:00Z')]);
    const none = parse('date=lt2026-01-01&date=gt2026-02-01');
    expect(none.from! > none.to!).toBe(true);
  });

  it.each<[string, string]>([
    ['', 'patient: is required'],
    ['patient=Group/p1', 'patient: neither'],
    ['patient=p1&patient=p2', 'patient: given twice'],
    ['patient=p%201', 'patient: neither'],
    ['patient=p1&subject=p1', 'subject: parameter not supported'],
    ['patient=p1&patient:missing=true', 'patient:missing: parameter not supported'],
    ['patient=p1&%3Cscript%3E=1', 'unnamed: parameter not supported'],
    ['patient=p1&date=ne2026', 'date: '],
    ['patient=p1&date=ap2026', 'date: '],
    ['patient=p1&date=2026-02-30', 'date: no such date'],
    ['patient=p1&date=2026-13', 'date: no such date'],
    ['patient=p1&date=2026-01-15T24:00', 'date: no such date'],
    ['patient=p1&date=2026-01-15T10', 'date: '],
    ['patient=p1&date=2026-01-15T10:30:05%2B15:00', 'date: no such zone'],
    ['patient=p1&date=2026-01-15T10:30:05+01:00', 'date: '], // + is a space in a query
    ['patient=p1&date=2026-01-01,2026-01-02', 'date: '],
    ['patient=p1&date=', 'date: '],
    ['patient=p1&code=', 'code: '],
    ['patient=p1&code=a,,b', 'code: '],
    ['patient=p1&code=%7C', 'code: not a token'],
    ['patient=p1&code=a%7Cb%7Cc', 'code: not a token'],
    ['patient=p1&_sort=code', '_sort: '],
    ['patient=p1&_sort=date,-date', '_sort: '],
    ['patient=p1&_count=0', '_count: '],
    ['patient=p1&_count=1001', '_count: '],
    ['patient=p1&_count=1e2', '_count: '],
    ['patient=p1&_count=-1', '_count: '],
    ['patient=p1&_cursor=abc', '_cursor: '],
    ['patient=p1&_format=xml', '_format: '],
  ])('refuses ?%s', (query, message) => {
    expect(refusal(query)).toContain(message);
  });

  it('goes on from a cursor with the same search', () => {
    const cursor = { measuredAt: -5, readingId };
    expect(decodeCursor(encodeCursor(cursor))).toEqual(cursor);
    const first = 'patient=p1&code=8867-4&date=ge2026&_count=2';
    const second = nextPageQuery(first, cursor);
    expect(parseObservationQuery(second)).toEqual({ ...parseObservationQuery(first), cursor });
    const third = nextPageQuery(second, { measuredAt: 7, readingId });
    expect(parseObservationQuery(third).cursor?.measuredAt).toBe(7);
  });

  it('refuses a cursor that was not written here', () => {
    for (const value of [[1], [1, 'x'], ['1', readingId], [1, readingId, 2], { a: 1 } as never]) {
      const text = encodeBase64Url(encodeCbor(value as never));
      expect(() => decodeCursor(text)).toThrow(Fault);
    }
  });

  it('gives a query or a Fault for any text', () => {
    const names = fc.constantFrom('patient', 'code', 'date', '_sort', '_count', '_cursor', '_id', 'x', '__proto__');
    const values = fc.oneof(fc.string(), fc.constantFrom('p1', 'ge2026', '8867-4', '-date', '5'));
    fc.assert(
      fc.property(fc.array(fc.tuple(names, values), { maxLength: 6 }), (pairs) => {
        const query = new URLSearchParams(pairs as string[][]);
        try {
          expect(parseObservationQuery(query).patientId).toBe(query.get('patient')!.replace('Patient/', ''));
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
      { numRuns: 500 },
    );
  });
});
