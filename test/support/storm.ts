/**
 * Very many hostile inputs for one reader, faster than properties can. The reader returns or throws a Fault; it is never
 * slow, and leaves nothing behind.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import { isFault } from '../../protocol/fault.ts';
import { createRandom } from '../../simulators/random.ts';

/** Inputs for each reader: three hundred, ten thousand in CI. A million takes from seconds to an hour for one, by what it does. */
export const STORM_RUNS = Number(process.env.STORM_RUNS ?? 300);

/** Printed in the name of each test. */
export const STORM_SEED = Number(process.env.STORM_SEED ?? Math.floor(Math.random() * 2 ** 31));

const SLOWEST_MS = 100;
/** What a reader may leave behind after all runs; a leak of one octet a run would be a million. */
const GROWTH = 8 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What makes the inputs: whole numbers from 0 to below n, and a share of all cases. */
export interface Weather {
  below(n: number): number;
  chance(share: number): boolean;
}

export interface Storm<Input> {
  /** The next input. */
  readonly next: (weather: Weather) => Input;
  /** Returns or throws a Fault. A promise is waited for. */
  readonly read: (input: Input) => unknown;
  /** For a failure's message. */
  readonly show: (input: Input) => string;
}

/** Runs it {@link STORM_RUNS} times and returns how often the reader returned rather than refused. */
export async function storm<Input>(stream: number, { next, read, show }: Storm<Input>): Promise<number> {
  const random = createRandom(STORM_SEED ^ stream);
  const weather: Weather = {
    below: (n) => Math.floor(random() * n),
    chance: (share) => random() < share,
  };
  let returned = 0;
  let slowestMs = 0;
  const once = (input: Input) => refusedOrNot(() => read(input), show, input);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < STORM_RUNS; i++) {
    const input = next(weather);
    const startedAt = performance.now();
    const outcome = once(input);
    if (outcome instanceof Promise ? await outcome : outcome) returned++;
    // A busy machine and the collector take their time too: what seems slow is measured again, alone.
    if (performance.now() - startedAt > SLOWEST_MS) {
      collect();
      const started = process.threadCpuUsage();
      await once(input);
      slowestMs = Math.max(slowestMs, process.threadCpuUsage(started).user / 1000);
    }
  }
  collect();
  expect(slowestMs).toBeLessThan(SLOWEST_MS);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(GROWTH);
  return returned;
}

/** True when it returned, false when it refused; throws when it threw anything but a Fault. */
function refusedOrNot<Input>(run: () => unknown, show: (input: Input) => string, input: Input) {
  const refused = (error: unknown) => {
    if (!isFault(error)) throw new Error(`${show(input)}: threw no Fault`, { cause: error });
    return false;
  };
  try {
    const result = run();
    return result instanceof Promise ? result.then(() => true, refused) : true;
  } catch (error) {
    return refused(error);
  }
}

/** A good value with octets changed, taken out, put in or cut off; seldom noise. */
export function alterBytes(good: Uint8Array, { below, chance }: Weather): Uint8Array {
  if (chance(0.05)) return Uint8Array.from({ length: below(80) }, () => below(256));
  const bytes = [...good];
  for (let changes = 1 + below(3); changes > 0; changes--) {
    const at = below(bytes.length + 1);
    switch (below(4)) {
      case 0:
        bytes[Math.min(at, bytes.length - 1)] = below(256);
        break;
      case 1:
        bytes.splice(at, 1 + below(3));
        break;
      case 2:
        bytes.splice(at, 0, ...Array.from({ length: 1 + below(3) }, () => below(256)));
        break;
      default:
        if (chance(0.2)) bytes.length = at;
        else bytes[Math.min(at, bytes.length - 1)]! ^= 1 << below(8);
    }
  }
  return Uint8Array.from(bytes);
}

/** A good text with characters changed, taken out, put in or cut off; seldom noise. */
export function alterText(good: string, weather: Weather): string {
  const { below, chance } = weather;
  const character = () => String.fromCodePoint(chance(0.9) ? 9 + below(118) : below(0xd800));
  if (chance(0.05)) return Array.from({ length: below(80) }, character).join('');
  let text = good;
  for (let changes = 1 + below(3); changes > 0; changes--) {
    const at = below(text.length + 1);
    const cut = below(3);
    const put = Array.from({ length: below(3) }, character).join('');
    text = chance(0.05) ? text.slice(0, at) : text.slice(0, at) + put + text.slice(at + cut);
  }
  return text;
}
