/**
 * Seeded pseudo-random numbers for simulations: the same seed gives the same world, on every machine. Never for keys,
 * salts or anything else that must not be guessed.
 */

/** Independent numbers in [0, 1), one after the other (mulberry32). */
export type Random = () => number;

/** Finalizer of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(word: number): number {
  let x = word | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** A stream of numbers of one seed (any integer). */
export function createRandom(seed: number): Random {
  let state = mix(seed);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The number in [0, 1) that belongs to these integers: random access, where a stream would have to be replayed. */
export function numberAt(seed: number, ...keys: readonly number[]): number {
  let word = mix(seed);
  for (const key of keys) {
    // Keys such as instants need more than 32 bits.
    word = mix(word ^ Math.imul(key | 0, 0x9e3779b1));
    word = mix(word + Math.floor(key / 2 ** 32));
  }
  return mix(word ^ 0x5bd1e995) / 2 ** 32;
}

/** A smooth curve in [-1, 1] that takes a new direction every `period`, in the unit of `x`. */
export function driftAt(seed: number, stream: number, x: number, period: number): number {
  const cell = Math.floor(x / period);
  const from = numberAt(seed, stream, cell);
  const to = numberAt(seed, stream, cell + 1);
  const way = (1 - Math.cos(Math.PI * (x / period - cell))) / 2;
  return 2 * (from + (to - from) * way) - 1;
}
