/** Readings of several vital signs as one list by time of measurement, read only as far as the caller goes. */
import { encodeId } from '../../protocol/keys.ts';
import { applyCorrection, type Corrections, type KeptCorrection } from './corrections.ts';
import type { Patient } from './patients.ts';
import { asReading, compareReadings, type FiledReading, type ReadingRange, type Segments } from './segments.ts';

/** A vital sign, and the half-open interval in which it is searched. */
export interface SearchedVital extends Omit<ReadingRange, 'sort'> {
  readonly vital: number;
}

/** The last reading of the page before; the next page starts after it. */
export interface Cursor {
  readonly measuredAt: number;
  readonly readingId: string;
}

/** Merges the vital signs' own orders. Cost grows with what is read and the number of vital signs, not with the record. */
export function* searchReadings(
  { segments, corrections }: { readonly segments: Segments; readonly corrections: Corrections },
  patient: Patient,
  vitals: readonly SearchedVital[],
  sort: 'asc' | 'desc',
  cursor?: Cursor,
): Generator<FiledReading> {
  const sign = sort === 'asc' ? 1 : -1;
  const corrected = corrections.of(patient);
  const sources = vitals.flatMap(({ vital, ...range }) => {
    const within = { ...(cursor ? narrow(range, sort, cursor) : range), sort };
    const asSigned = segments.readings(patient, vital, within);
    if (corrected.size === 0) return [asSigned];
    return [inPlace(asSigned, corrected), movedReadings(segments, patient, vital, within, corrected)];
  });
  const heads = sources.map((source) => source.next());
  try {
    for (;;) {
      let best = -1;
      for (const [i, head] of heads.entries()) {
        if (head.done) continue;
        const chosen = heads[best];
        if (!chosen || chosen.done || sign * compareReadings(head.value, chosen.value) < 0) best = i;
      }
      const head = heads[best];
      if (!head || head.done) return;
      heads[best] = sources[best]!.next();
      if (!cursor || isAfter(head.value, cursor, sign)) yield head.value;
    }
  } finally {
    for (const source of sources) source.return(undefined);
  }
}

/** Corrected where they stand; those whose time was amended are not there any more. */
function* inPlace(readings: Iterable<FiledReading>, corrected: ReadonlyMap<string, KeptCorrection>) {
  for (const reading of readings) {
    const kept = corrected.get(reading.id);
    if (kept?.correction.measuredAt === undefined) yield applyCorrection(reading, kept);
  }
}

/** Those whose time was amended, where they stand now. They are few, and looked up one by one. */
function* movedReadings(
  segments: Segments,
  patient: Patient,
  vital: number,
  { from, to, sort }: ReadingRange,
  corrected: ReadonlyMap<string, KeptCorrection>,
): Generator<FiledReading> {
  const moved = [...corrected.values()].flatMap((kept): FiledReading[] => {
    const { batch, index, measuredAt } = kept.correction;
    if (
      measuredAt === undefined ||
      measuredAt < (from ?? measuredAt) ||
      measuredAt >= (to ?? Number.POSITIVE_INFINITY)
    ) {
      return [];
    }
    const leaf = segments.leaf(patient, encodeId(batch), index);
    if (leaf?.leaf.kind !== 'reading' || leaf.leaf.vital !== vital) return [];
    return [applyCorrection(asReading(encodeId(batch), leaf), kept)];
  });
  yield* moved.sort((a, b) => (sort === 'asc' ? 1 : -1) * compareReadings(a, b));
}

function narrow({ from, to }: Omit<ReadingRange, 'sort'>, sort: 'asc' | 'desc', { measuredAt }: Cursor) {
  return sort === 'asc'
    ? { from: Math.max(from ?? measuredAt, measuredAt), ...(to !== undefined && { to }) }
    : { to: Math.min(to ?? measuredAt + 1, measuredAt + 1), ...(from !== undefined && { from }) };
}

function isAfter(reading: FiledReading, cursor: Cursor, sign: number): boolean {
  const difference =
    reading.leaf.measuredAt - cursor.measuredAt ||
    (reading.id > cursor.readingId ? 1 : reading.id < cursor.readingId ? -1 : 0);
  return sign * difference > 0;
}
