/** FHIR R4 search.html §date: what a date parameter means for readings, which are instants. */
import { Fault } from '../../protocol/fault.ts';
import { type Instant, wallClockToInstant } from '../../protocol/time.ts';

/** Half-open, in ms: from <= t < to; a bound that is absent does not bind. */
export interface InstantRange {
  readonly from?: Instant;
  readonly to?: Instant;
}

const DATE =
  /^(eq|gt|ge|lt|le|sa|eb)?(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?(Z|[+-]\d{2}:\d{2})?)?)?)?$/;

/**
 * The readings that one `date` value means. A date or time stands for as long as it is exact: `2026-03` for the whole
 * month, `10:30` for its minute. Without a zone it is UTC. Throws `malformed`; `ne`, `ap` and lists are not supported.
 */
export function parseDateParameter(value: string): InstantRange {
  const match = DATE.exec(value);
  if (!match)
    throw new Fault('malformed', 'date: not a date or time of FHIR, or a prefix other than eq gt ge lt le sa eb');
  const [, prefix = 'eq', ...fields] = match;
  const { start, end } = spanOf(fields);
  switch (prefix) {
    case 'gt':
    case 'sa': // starts after: an instant has no length, so this is `gt`
      return { from: end };
    case 'ge':
      return { from: start };
    case 'lt':
    case 'eb':
      return { to: start };
    case 'le':
      return { to: end };
    default:
      return { from: start, to: end };
  }
}

/** What lies in all ranges; may be empty (`from` not before `to`). */
export function intersectRanges(ranges: readonly InstantRange[]): InstantRange {
  const from = ranges.map((range) => range.from).filter((bound) => bound !== undefined);
  const to = ranges.map((range) => range.to).filter((bound) => bound !== undefined);
  return {
    ...(from.length > 0 && { from: Math.max(...from) }),
    ...(to.length > 0 && { to: Math.min(...to) }),
  };
}

function spanOf(fields: readonly (string | undefined)[]): { start: Instant; end: Instant } {
  const [year, month, day, hour, minute, second, fraction, zone = 'Z'] = fields;
  const wall = `${year}-${month ?? '01'}-${day ?? '01'}T${hour ?? '00'}:${minute ?? '00'}:${second ?? '00'}`;
  const start = instantAt(wall, offsetOf(zone)) + Number((fraction ?? '').padEnd(3, '0'));
  if (fraction !== undefined) return { start, end: start + 10 ** (3 - fraction.length) };
  if (second !== undefined) return { start, end: start + 1000 };
  if (minute !== undefined) return { start, end: start + 60_000 };
  if (day !== undefined) return { start, end: start + 86_400_000 };
  if (month !== undefined) return { start, end: Date.UTC(Number(year), Number(month), 1) };
  return { start, end: instantAt(`${year}-12-31T00:00:00`, 0) + 86_400_000 };
}

function instantAt(wall: string, offsetMin: number): Instant {
  try {
    return wallClockToInstant(wall, offsetMin);
  } catch {
    throw new Fault('malformed', 'date: no such date or time');
  }
}

function offsetOf(zone: string): number {
  if (zone === 'Z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4));
  // FHIR R4 datatypes.html dateTime
  if (hours * 60 + minutes > 14 * 60 || minutes > 59) throw new Fault('malformed', 'date: no such zone');
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}
