/** Advertising data as structures of length, type and data (Core 5.2 Vol 3 Part C §11). */

export const SHORTENED_NAME = 0x08;
export const COMPLETE_NAME = 0x09;

export interface Structure {
  readonly type: number;
  /** Place of the data. */
  readonly start: number;
  readonly end: number;
}

/** The structures of advertising data, up to the first that is malformed or empty. */
export function structuresOf(data: Uint8Array): Structure[] {
  const structures: Structure[] = [];
  for (let at = 0; at < data.length; ) {
    const end = at + 1 + data[at]!;
    if (data[at] === 0 || end > data.length) break;
    structures.push({ type: data[at + 1]!, start: at + 2, end });
    at = end;
  }
  return structures;
}

/** The name in advertising data, shortened or not; undefined when there is none. */
export function nameIn(data: Uint8Array): string | undefined {
  const found = structuresOf(data).find(({ type }) => type === COMPLETE_NAME || type === SHORTENED_NAME);
  return found && Buffer.from(data.subarray(found.start, found.end)).toString('utf8');
}
