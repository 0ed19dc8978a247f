/** Readings of several vital signs as one list by time of measurement, read only as far as the caller goes. */
import type { Patient } from './patients.ts';
import { compareReadings, type FiledReading, type ReadingRange, type Segments } from './segments.ts';

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
  segments: Segments,
  patient: Patient,
  vitals: readonly SearchedVital[],
  sort: 'asc' | 'desc',
  cursor?: Cursor,
): Generator<FiledReading> {
  const sign = sort === 'asc' ? 1 : -1;
  const sources = vitals.map(({ vital, ...range }) =>
    segments.readings(patient, vital, { ...(cursor ? narrow(range, sort, cursor) : range), sort }),
  );
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
