/**
 * Recordings of real wearables as CSV: `subject` where one file holds several wearers, `measuredAt` as the wearable's
 * own wall clock, and a column for each vital sign with its UCUM unit in brackets: `heart-rate [/min]`. Read strictly:
 * what would be filed as somebody's measurement is not guessed at.
 */
import { CsvError, parse } from 'csv-parse/sync';
import { type Decimal, parseDecimal } from '../protocol/decimal.ts';
import { Fault, isFault } from '../protocol/fault.ts';
import { type WallClock, wallClockToInstant } from '../protocol/time.ts';
import { hasUnit, vitalSignByName } from '../protocol/vital-signs.ts';

/** A column of values. */
export interface RecordedVital {
  /** MDC code: a row of the vital-sign table. */
  readonly vital: number;
  /** UCUM. */
  readonly unit: string;
}

/** One row of a recording. */
export interface RecordedRow {
  /** As the file names the wearer; null where it holds only one. */
  readonly subject: string | null;
  readonly measuredAt: WallClock;
  /** In the order of the columns; an empty cell has no value here, and every row has at least one. */
  readonly values: readonly (RecordedVital & { readonly value: Decimal })[];
}

export interface Recording {
  readonly columns: readonly RecordedVital[];
  /** In the order of the file, with its gaps and repetitions. */
  readonly rows: readonly RecordedRow[];
}

interface Line {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/**
 * Parses a whole file. Throws `malformed` on a header, row, number or time that is not one, `range` on an impossible
 * date; the message names the line, never what is in it.
 */
export function parseRecording(text: string): Recording {
  const [header, ...lines] = splitLines(text);
  if (!header) throw new Fault('malformed', 'line 1: no header');
  const hasSubject = header.record[0] === 'subject';
  const names = header.record.slice(hasSubject ? 1 : 0);
  if (names[0] !== 'measuredAt') {
    throw new Fault('malformed', 'line 1: header is not [subject,]measuredAt,<vital sign> [<unit>]...');
  }
  const columns = names.slice(1).map((name, i) => parseColumn(name, i + (hasSubject ? 3 : 2)));
  if (columns.length === 0) throw new Fault('malformed', 'line 1: no column of a vital sign');
  if (new Set(columns.map(({ vital }) => vital)).size < columns.length) {
    throw new Fault('malformed', 'line 1: two columns of one vital sign');
  }
  return { columns, rows: lines.map((line) => atLine(line, () => parseRow(line.record, hasSubject, columns))) };
}

function splitLines(text: string): Line[] {
  try {
    return parse(text, { bom: true, info: true, skip_empty_lines: true }) as unknown as Line[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const lines = (error as unknown as Partial<Line['info']>).lines;
    throw new Fault('malformed', `line ${lines ?? 'unknown'}: not CSV, or not as many cells as the header`);
  }
}

function parseColumn(name: string, position: number): RecordedVital {
  const [, vitalName = '', unit = ''] = /^([a-z-]+) \[(.+)\]$/.exec(name) ?? [];
  const row = vitalSignByName(vitalName);
  if (!row || !hasUnit(row, unit)) {
    throw new Fault(
      'malformed',
      `line 1: column ${position} is no known vital sign with a unit of its own in brackets`,
    );
  }
  return { vital: row.mdc, unit };
}

function parseRow(cells: readonly string[], hasSubject: boolean, columns: readonly RecordedVital[]): RecordedRow {
  const subject = hasSubject ? cells[0]! : null;
  if (subject === '') throw new Fault('malformed', 'no subject');
  const [measuredAt, ...texts] = cells.slice(hasSubject ? 1 : 0) as [string, ...string[]];
  wallClockToInstant(measuredAt, 0);
  const values = columns.flatMap((column, i) => {
    const cell = texts[i]!;
    return cell === '' ? [] : [{ ...column, value: parseDecimal(cell) }];
  });
  if (values.length === 0) throw new Fault('malformed', 'no value');
  return { subject, measuredAt, values };
}

function atLine<T>({ info }: Line, parseIt: () => T): T {
  try {
    return parseIt();
  } catch (error) {
    if (isFault(error)) throw new Fault(error.code, `line ${info.lines}: ${error.message}`);
    throw error;
  }
}
