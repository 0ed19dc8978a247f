/**
 * Clocks of simulated time. A recording or a simulated day has its own dates, so the virtual controller stamps every
 * packet with one of these, and the agent takes the stamp for the time at which it heard the packet.
 */

/** A clock that somebody sets. All instants are integer milliseconds since the Unix epoch. */
export interface SimClock {
  now(): number;
  /** Jumps to an instant; a scaled clock runs on from there. */
  set(instant: number): void;
}

/** A clock that stands still until it is set: for replays that go as fast as they can. */
export function createSimClock(startAt: number): SimClock {
  let instant = Math.round(startAt);
  return {
    now: () => instant,
    set(next) {
      instant = Math.round(next);
    },
  };
}

/**
 * A clock that runs `speed` times as fast as real time.
 *
 * `monotonic` gives real milliseconds from any origin and never goes back, e.g. `() => performance.now()`; it is an
 * argument so that nothing here asks the machine what time it is.
 */
export function createScaledClock(options: { startAt: number; speed: number; monotonic: () => number }): SimClock {
  const { speed, monotonic } = options;
  if (!(speed > 0)) throw new RangeError('speed must be above zero');
  let base = options.startAt;
  let origin = monotonic();
  return {
    now: () => Math.round(base + (monotonic() - origin) * speed),
    set(next) {
      base = next;
      origin = monotonic();
    },
  };
}
