/**
 * Puts the world's time, chance and crypto under everything that runs in a simulated process. To be imported before the
 * product is, which takes hold of some of these when it loads; outside of a simulated process nothing changes.
 */
import { createRequire, registerHooks, syncBuiltinESMExports } from 'node:module';
import type { Random } from '../../simulators/random.ts';
import { currentProcess, EPOCH, type Process, type Scheduler, SimTimer } from './scheduler.ts';

const require = createRequire(import.meta.url);

/** Of the world that runs now; one at a time. */
export interface Ground {
  readonly scheduler: Scheduler;
  /** What the product takes for chance: keys, nonces, salts, delays. */
  readonly entropy: Random;
}

let ground: Ground | undefined;

/** Puts a world under the simulated processes, or takes it away. */
export function stand(on: Ground | undefined): void {
  ground = on;
}

/** The ground and the process, when we are in a simulated one. */
export function here(): { ground: Ground; process: Process } | undefined {
  const process = currentProcess();
  return process && ground && { ground, process };
}

type AnyFunction = (...args: never[]) => unknown;
// biome-ignore lint/suspicious/noExplicitAny: stands in for functions of any shape
type Loose = any;

/** Replaces a function of an object by one that may call the real one. */
export function replace(object: object, name: string, make: (real: Loose) => AnyFunction): void {
  const holder = object as Record<string, Loose>;
  const real = holder[name];
  const stand = make(real);
  Object.defineProperty(holder, name, {
    value: stand,
    writable: true,
    configurable: true,
    enumerable: Object.getOwnPropertyDescriptor(holder, name)?.enumerable ?? true,
  });
}

function timers(): void {
  replace(globalThis, 'setTimeout', (real) => (run: AnyFunction, ms = 0, ...args: never[]) => {
    const at = here();
    if (!at) return real(run, ms, ...args);
    const timer = new SimTimer();
    timer.again = () => void at.ground.scheduler.after(at.process, Number(ms), () => run(...args), timer);
    timer.again();
    return timer;
  });
  replace(globalThis, 'setInterval', (real) => (run: AnyFunction, ms = 0, ...args: never[]) => {
    const at = here();
    if (!at) return real(run, ms, ...args);
    const timer = new SimTimer();
    timer.again = () => {
      at.ground.scheduler.after(
        at.process,
        Number(ms),
        () => {
          timer.again();
          run(...args);
        },
        timer,
      );
    };
    timer.again();
    return timer;
  });
  replace(globalThis, 'setImmediate', (real) => (run: AnyFunction, ...args: never[]) => {
    const at = here();
    if (!at) return real(run, ...args);
    return at.ground.scheduler.soon(at.process, () => run(...args));
  });
  for (const name of ['clearTimeout', 'clearInterval', 'clearImmediate']) {
    replace(globalThis, name, (real) => (timer: unknown) => {
      if (timer instanceof SimTimer) timer.cancelled = true;
      else real(timer);
    });
  }
  replace(require('node:timers/promises'), 'setImmediate', (real) => (value: unknown) => {
    const at = here();
    if (!at) return real(value);
    return new Promise((resolve) => at.ground.scheduler.soon(at.process, () => resolve(value)));
  });
}

function clock(): void {
  replace(Date, 'now', (real) => () => {
    const at = here();
    return at ? EPOCH + Math.floor(at.ground.scheduler.now) + at.process.clockOffset() : real();
  });
  replace(performance, 'now', (real) => () => here()?.ground.scheduler.now ?? real.call(performance));
}

function chance(): void {
  replace(Math, 'random', (real) => () => here()?.ground.entropy() ?? real());
  const crypto = require('node:crypto');
  replace(crypto, 'randomBytes', (real) => (size: number, callback?: AnyFunction) => {
    const at = here();
    if (!at || callback) return real(size, callback);
    const bytes = Buffer.alloc(size);
    for (let i = 0; i < size; i++) bytes[i] = Math.floor(256 * at.ground.entropy());
    return bytes;
  });
  replace(crypto, 'randomInt', (real) => (...args: number[]) => {
    const at = here();
    if (!at) return real(...args);
    const [from, to] = args.length > 1 ? [args[0]!, args[1]!] : [0, args[0]!];
    return from + Math.floor((to - from) * at.ground.entropy());
  });
}

/** The real WebCrypto; only the moment at which a result is seen belongs to the world. */
function webCrypto(): void {
  const names = ['encrypt', 'decrypt', 'sign', 'verify', 'digest', 'generateKey', 'deriveKey', 'deriveBits'];
  for (const name of [...names, 'importKey', 'exportKey']) {
    replace(
      Object.getPrototypeOf(globalThis.crypto.subtle),
      name,
      (real) =>
        function (this: unknown, ...args: never[]) {
          const result: Promise<unknown> = real.apply(this, args);
          const at = here();
          if (!at) return result;
          return new Promise((resolve, reject) => {
            at.ground.scheduler.inFlight(
              result.catch(() => undefined),
              () => {
                if (at.process.alive) result.then(resolve, reject);
              },
            );
          });
        },
    );
  }
}

/** Signatures by OpenSSL instead of JavaScript: they were half of all work. */
function signatures(): void {
  const slow = new URL('../../protocol/ed25519.ts', import.meta.url).href;
  const fast = new URL('native-ed25519.ts', import.meta.url).href;
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      return found.url === slow && context.parentURL !== fast ? { ...found, url: fast } : found;
    },
  });
}

signatures();
timers();
clock();
chance();
webCrypto();
syncBuiltinESMExports();
