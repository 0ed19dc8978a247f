/** What is measured with: the heart rate of one simulated person about once a second, as a chest strap notifies it. */
import { encodeHeartRateMeasurement, type HeartRateMeasurement } from '../protocol/gatt/heart-rate.ts';
import type { Instant } from '../protocol/time.ts';
import { createPerson } from '../simulators/body/physiology.ts';
import { createRandom } from '../simulators/random.ts';

export const HEART_RATE_MEASUREMENT = 0x2a37;

/** 2026-01-01T12:00:00Z */
const STARTS_AT = Date.UTC(2026, 0, 1, 12);
const SECOND_MS = 1000;
/** Values are made for so many seconds and then come again, at later instants: making them is not what is measured. */
const DISTINCT_SECONDS = 1800;
/** A strap's second and the radio's connection interval make the time of arrival uneven. */
const JITTER_MS = 60;

/** One notification: when it is heard, and what it says. */
export interface Beat {
  readonly at: Instant;
  /** Gateway's monotonic clock. */
  readonly uptimeMs: number;
  /** Value of 2A37. */
  readonly value: Uint8Array;
}

export interface HeartRates {
  /** The next notifications. */
  take(count: number): Beat[];
  /** Lets so many seconds pass without any. */
  skip(seconds: number): void;
}

/** `rr`: with the intervals between beats, as most straps send them; else with the rate alone. */
export function createHeartRates(seed: number, { rr }: { readonly rr: boolean }): HeartRates {
  const person = createPerson(seed);
  const random = createRandom(seed);
  const values = Array.from({ length: DISTINCT_SECONDS }, (_, second) => {
    const at = STARTS_AT + second * SECOND_MS;
    const measurement: Omit<HeartRateMeasurement, 'unknownOctets'> = {
      heartRate: person.heartRate(at),
      contactSupported: true,
      contactDetected: true,
      energyKJ: null,
      rr1024: rr ? person.rr1024(at - SECOND_MS, at).slice(0, 8) : [],
    };
    return encodeHeartRateMeasurement(measurement);
  });
  let second = 0;
  return {
    take: (count) =>
      Array.from({ length: count }, () => {
        const uptimeMs = ++second * SECOND_MS + Math.floor(random() * JITTER_MS);
        return { at: STARTS_AT + uptimeMs, uptimeMs, value: values[second % DISTINCT_SECONDS]! };
      }),
    skip(seconds) {
      second += seconds;
    },
  };
}
