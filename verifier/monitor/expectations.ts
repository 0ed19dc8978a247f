/** Commitments that somebody was promised in the log: a file with one a line, `HEX INSTANT`. */
import { Fault } from '../../protocol/fault.ts';

/** Commitment in hex, and when it was promised, in milliseconds since 1970. */
export type Expectations = ReadonlyMap<string, number>;

/** Most lines that are read; the monitor keeps something for each. */
const MAX_EXPECTATIONS = 100_000;

const LINE = /^([0-9a-f]{64})[ \t]+(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?(?:Z|[+-]\d{2}:\d{2}))$/i;

/** Empty lines and lines that start with `#` are skipped. Throws `malformed` with the number of the bad line, `too-large`. */
export function parseExpectations(text: string): Expectations {
  const expected = new Map<string, number>();
  for (const [i, whole] of text.split('\n').entries()) {
    const line = whole.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, commitment, instant] = LINE.exec(line) ?? [];
    const promisedAt = Date.parse(instant ?? '');
    if (commitment === undefined || Number.isNaN(promisedAt)) {
      throw new Fault('malformed', `line ${i + 1} is not a commitment in hex and an instant (RFC 3339)`);
    }
    const hex = commitment.toLowerCase();
    expected.set(hex, Math.min(promisedAt, expected.get(hex) ?? promisedAt));
    if (expected.size > MAX_EXPECTATIONS) throw new Fault('too-large', 'more expected commitments than are read');
  }
  return expected;
}
