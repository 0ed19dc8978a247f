/**
 * How long a run waits for hosts, in real time, while simulated time stands still. Hosts come back and store by real
 * timers, so a run that did not wait would lose what no fault took. Every wait has a limit.
 */
import type { RunDevice } from './run-device.ts';

/** Real milliseconds. */
export interface WaitLimits {
  /** For a host to subscribe to a live wearable that nothing keeps away, at the start and when it was lost. */
  readonly reconnectMs: number;
  /** For one measurement to be delivered. */
  readonly deliveryMs: number;
  /** The same while a fault is about, which may well keep it from being delivered. */
  readonly troubledMs: number;
  /** For one advertisement to be heard. */
  readonly broadcastMs: number;
  /** For a host to see that its adapter is off. */
  readonly adapterMs: number;
  /** At the end, for what wearables still keep. */
  readonly drainMs: number;
}

const DEFAULT_LIMITS: WaitLimits = {
  reconnectMs: 10_000,
  deliveryMs: 5_000,
  troubledMs: 30,
  broadcastMs: 500,
  adapterMs: 1_500,
  drainMs: 30_000,
};

const LOOK_EVERY_MS = 2;

export interface Waits {
  /**
   * Until somebody hears these live wearables; not for one that a fault is about, or that was waited for in vain before.
   * Where one is missing, others that are missing too are waited for with it, so that a host comes back once.
   */
  untilHeard(devices: readonly RunDevice[]): Promise<void>;
  forDelivery(device: RunDevice, delivery: Promise<void>): Promise<void>;
  /** Until a host has seen that its adapter is off: it looks by a timer of its own. */
  forAdapter(): Promise<void>;
  untilNothingKept(kept: () => number): Promise<void>;
}

export function createWaits(options: {
  readonly devices: readonly RunDevice[];
  readonly isTroubled: (device: RunDevice) => boolean;
  readonly isStopped: () => boolean;
  readonly limits?: Partial<WaitLimits>;
}): Waits {
  const { isTroubled, isStopped } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  /** Live wearables that nobody wants. */
  const givenUp = new Set<RunDevice>();
  const isMissing = (device: RunDevice) =>
    device.keeps === 'live' && !device.heard && !givenUp.has(device) && !isTroubled(device);

  return {
    async untilHeard(devices) {
      for (const device of devices) if (device.heard) givenUp.delete(device);
      if (!devices.some(isMissing)) return;
      const missing = options.devices.filter(isMissing);
      await until(() => missing.every((device) => device.heard) || isStopped(), limits.reconnectMs);
      for (const device of missing) if (!device.heard) givenUp.add(device);
    },

    async forDelivery(device, delivery) {
      const { deliveryMs, troubledMs, broadcastMs } = limits;
      const usual = device.keeps === 'broadcast' ? broadcastMs : deliveryMs;
      await atMost(isTroubled(device) ? Math.min(troubledMs, usual) : usual, delivery);
    },

    forAdapter: () => until(isStopped, limits.adapterMs),

    untilNothingKept: (kept) => until(() => kept() === 0 || isStopped(), limits.drainMs),
  };
}

/** Looks at a condition until it holds or time is up. */
async function until(condition: () => boolean, limitMs: number): Promise<void> {
  let left = Math.ceil(limitMs / LOOK_EVERY_MS);
  while (!condition() && left-- > 0) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
}

async function atMost(limitMs: number, what: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([what, limit]);
  clearTimeout(timer);
}
