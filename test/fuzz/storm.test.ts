/**
 * Very many hostile values into every decoder, faster than properties can: published values with octets changed, added or
 * cut, and noise. STORM_RUNS sets how many for each decoder; a million takes about ten minutes for all.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { decodeHex } from '../../protocol/bytes.ts';
import { isFault } from '../../protocol/fault.ts';
import { measurementOf } from '../../protocol/gatt/readings.ts';
import { createRandom } from '../../simulators/random.ts';
import { TWO_WAY } from '../support/gatt-codecs.ts';
import { GATT_VECTORS } from '../support/gatt-vectors.ts';

const runs = Number(process.env.STORM_RUNS ?? 10_000);
const seed = Number(process.env.STORM_SEED ?? Math.floor(Math.random() * 2 ** 31));
const SLOWEST_MS = 100;
/** What a decoder may leave behind after all runs; a leak of one octet a run would be a million. */
const GROWTH = 8 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const names = [...TWO_WAY.keys()];

it.each(names)(`%s returns or refuses, seed ${seed}`, { timeout: 600_000 }, (name) => {
  const { decode } = TWO_WAY.get(name)!;
  const uuid = /^2[AB]/.test(name) ? Number.parseInt(name, 16) : undefined;
  const random = createRandom(seed ^ names.indexOf(name));
  const below = (n: number) => Math.floor(random() * n);
  const vectors = GATT_VECTORS.filter(({ characteristic }) => characteristic === name).map(({ hex }) => decodeHex(hex));
  const next = (): Uint8Array => {
    const vector = vectors.length > 0 && random() < 0.7 ? vectors[below(vectors.length)]! : undefined;
    const bytes = vector ? Uint8Array.from(vector) : Uint8Array.from({ length: below(64) }, () => below(256));
    for (let changes = below(4); changes > 0 && bytes.length > 0; changes--) bytes[below(bytes.length)] = below(256);
    const cut = random() < 0.2 ? below(bytes.length + 1) : bytes.length;
    return random() < 0.1 ? Uint8Array.from([...bytes.slice(0, cut), below(256)]) : bytes.slice(0, cut);
  };
  let slowestMs = 0;
  const take = (bytes: Uint8Array, run: () => unknown) => {
    const startedAt = performance.now();
    try {
      run();
    } catch (error) {
      if (!isFault(error))
        throw new Error(`${name} ${Buffer.from(bytes).toString('hex')}: threw no Fault`, { cause: error });
    }
    const tookMs = performance.now() - startedAt;
    // A busy machine takes its time too: what seems slow is measured again, alone.
    if (tookMs > SLOWEST_MS) slowestMs = Math.max(slowestMs, again(run));
  };
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < runs; i++) {
    const bytes = next();
    take(bytes, () => decode(bytes));
    if (uuid !== undefined) take(bytes, () => measurementOf(uuid, bytes));
  }
  collect();
  expect(slowestMs).toBeLessThan(SLOWEST_MS);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(GROWTH);
});

/** Processor time of one more run, ms. */
function again(run: () => unknown): number {
  const started = process.threadCpuUsage();
  try {
    run();
  } catch {
    // it was refused before
  }
  return process.threadCpuUsage(started).user / 1000;
}
