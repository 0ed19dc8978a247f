/** Looks for many needles of 16 octets in files of any size, without holding up what else the process does. */
import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { encodeHex, equalBytes } from '../../protocol/bytes.ts';
import { NEEDLE_OCTETS } from '../record/patient-rows.ts';

/** Finds which of the needles lie in a run of octets. */
export interface NeedleSearch {
  readonly sought: number;
  /** Adds the hex of what is found to `found`. */
  scan(octets: Uint8Array, found: Set<string>): void;
}

const FILTER_BITS = 20;

/** Each place costs a multiplication and a look at a filter of a megabyte, however many needles there are. */
export function createNeedleSearch(needles: readonly Uint8Array[]): NeedleSearch {
  const filter = new Uint8Array(1 << FILTER_BITS);
  const byStart = new Map<number, Uint8Array[]>();
  const distinct = new Map(needles.map((needle) => [encodeHex(needle), needle]));
  for (const needle of distinct.values()) {
    const start = new DataView(needle.buffer, needle.byteOffset).getUint32(0);
    filter[slotOf(start)] = 1;
    byStart.set(start, [...(byStart.get(start) ?? []), needle]);
  }
  return {
    sought: distinct.size,
    scan(octets, found) {
      let window = 0;
      for (let i = 0; i < octets.length; i++) {
        window = ((window << 8) | octets[i]!) >>> 0;
        if (i < 3 || filter[slotOf(window)] === 0) continue;
        for (const needle of byStart.get(window) ?? []) {
          if (equalBytes(octets.subarray(i - 3, i - 3 + NEEDLE_OCTETS), needle)) found.add(encodeHex(needle));
        }
      }
    },
  };
}

function slotOf(start: number): number {
  return Math.imul(start, 0x9e3779b1) >>> (32 - FILTER_BITS);
}

const CHUNK = 1 << 20;

/** Scans one file; the answer is how many octets it has. A file that is gone has none. */
export async function scanFile(path: string, search: NeedleSearch, found: Set<string>): Promise<number> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
  try {
    const buffer = new Uint8Array(NEEDLE_OCTETS - 1 + CHUNK);
    let [length, kept] = [0, 0];
    for (;;) {
      const { bytesRead } = await file.read(buffer, kept, CHUNK);
      if (bytesRead === 0) return length;
      length += bytesRead;
      search.scan(buffer.subarray(0, kept + bytesRead), found);
      // A needle may lie across two reads.
      const end = kept + bytesRead;
      const next = Math.min(NEEDLE_OCTETS - 1, end);
      buffer.copyWithin(0, end - next, end);
      kept = next;
      await setImmediate();
    }
  } finally {
    await file.close();
  }
}
