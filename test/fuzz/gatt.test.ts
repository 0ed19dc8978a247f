/** Hostile bytes into every GATT decoder: a result or a Fault, quickly. FUZZ_RUNS sets how many for each. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHex, encodeHex } from '../../protocol/bytes.ts';
import { isFault } from '../../protocol/fault.ts';
import { toPlain } from '../../protocol/gatt/plain.ts';
import { readingsOf } from '../../protocol/gatt/readings.ts';
import { decodeLine } from '../../verifier/decode.ts';
import { TWO_WAY } from '../support/gatt-codecs.ts';
import { GATT_VECTORS } from '../support/gatt-vectors.ts';

const numRuns = Number(process.env.FUZZ_RUNS ?? 1000);
const SLOWEST_MS = 100;

/** Random bytes, random bytes behind plausible flags, and published values with octets changed, added or cut. */
function hostileBytes(characteristic: string): fc.Arbitrary<Uint8Array> {
  const random = fc.uint8Array({ maxLength: 64 });
  const vectors = GATT_VECTORS.filter((vector) => vector.characteristic === characteristic);
  if (vectors.length === 0) return random;
  const mutated = fc
    .tuple(
      fc.constantFrom(...vectors.map(({ hex }) => decodeHex(hex))),
      fc.array(fc.tuple(fc.nat({ max: 63 }), fc.nat({ max: 255 })), { maxLength: 4 }),
      fc.uint8Array({ maxLength: 4 }),
      fc.nat({ max: 24 }),
    )
    .map(([value, changes, tail, cut]) => {
      const bytes = Uint8Array.from([...value, ...tail]);
      for (const [at, octet] of changes) if (at < bytes.length) bytes[at] = octet;
      return bytes.slice(0, Math.max(0, bytes.length - Math.max(0, cut - 16)));
    });
  return fc.oneof(random, mutated, fc.uint8Array({ minLength: 400, maxLength: 600 }));
}

/** The result, or undefined when refused with a Fault; anything else that is thrown fails the test. */
function tried<T>(run: () => T): T | undefined {
  const started = process.threadCpuUsage();
  try {
    return run();
  } catch (error) {
    if (!isFault(error)) throw error;
    return undefined;
  } finally {
    // Processor time of this thread: a busy machine is no fault of the decoder.
    expect(process.threadCpuUsage(started).user / 1000).toBeLessThan(SLOWEST_MS);
  }
}

describe.each([...TWO_WAY.keys()])('%s', (characteristic) => {
  const { decode, encode } = TWO_WAY.get(characteristic)!;

  it('returns or refuses', () => {
    fc.assert(
      fc.property(hostileBytes(characteristic), (bytes) => {
        const decoded = tried(() => decode(bytes));
        if (decoded === undefined) return;
        JSON.parse(toPlain(decoded));
        // What is written from a decoded value is read as the same value again.
        const again = tried(() => encode(decoded));
        if (again) expect(encode(decode(again))).toEqual(again);
      }),
      { numRuns },
    );
  });

  it.runIf(/^2[AB]/.test(characteristic))('gives readings that come out of their own raw bytes again', () => {
    const uuid = Number.parseInt(characteristic, 16);
    const sessionStart = fc.uint8Array({ minLength: 8, maxLength: 11 });
    fc.assert(
      fc.property(hostileBytes(characteristic), sessionStart, (bytes, start) => {
        const context = { sessionStart: start };
        const readings = tried(() => readingsOf(uuid, bytes, context));
        // A whole record 2B36 may hold anything: its segment decodes, its content need not.
        const decodes = tried(() => decode(bytes)) !== undefined;
        if (readings !== undefined || characteristic !== '2B36') expect(readings !== undefined).toBe(decodes);
        for (const reading of readings ?? []) expect(readingsOf(uuid, reading.raw, context)).toContainEqual(reading);
      }),
      { numRuns: Math.ceil(numRuns / 4) },
    );
  });
});

describe('decodeLine', () => {
  it('answers any line with one line of JSON', () => {
    const request = fc.record({
      characteristic: fc.constantFrom(...TWO_WAY.keys(), 'CRC16'),
      hex: fc.uint8Array().map(encodeHex),
    });
    const line = fc.oneof(
      fc.string(),
      fc.json(),
      request.map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(line, (text) => {
        const answer = decodeLine(text);
        expect(answer).not.toContain('\n');
        expect(typeof JSON.parse(answer)).toBe('object');
      }),
      { numRuns },
    );
  });
});
