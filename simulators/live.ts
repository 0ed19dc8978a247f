/** Wearables that live: each measures one simulated person at its own pace, as long as it runs. */
import { type Instant, instantToWallClock } from '../protocol/time.ts';
import { addressOf } from './addresses.ts';
import { createPerson, type Person } from './body/physiology.ts';
import { createCgm, MAX_OFFSET_MIN } from './devices/cgm.ts';
import { createCuff } from './devices/cuff.ts';
import { createHeartStrap } from './devices/heart-strap.ts';
import { createOximeter } from './devices/oximeter.ts';
import { createThermometer } from './devices/thermometer.ts';
import type { Wearable } from './devices/wearable.ts';

export const WEARABLE_KINDS = ['strap', 'cuff', 'oximeter', 'thermometer', 'cgm'] as const;
export type WearableKind = (typeof WEARABLE_KINDS)[number];

/** A wearable on a person. */
export interface LiveWearable {
  readonly device: Wearable;
  /** Simulated time from one measurement to the next. */
  readonly everyMs: number;
  whenHeard(): Promise<void>;
  measure(at: Instant): Promise<boolean>;
}

export interface WearerOptions {
  /** Seeds the body; the wearables of one seed agree with each other. */
  readonly seed: number;
  readonly name: string;
  readonly kinds: readonly WearableKind[];
  /** Goes before the kind in the name that is advertised. */
  readonly label?: string;
  readonly startedAt: Instant;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

export function createWearables({ seed, name, kinds, label, startedAt }: WearerOptions): LiveWearable[] {
  const person = createPerson(seed);
  return kinds.map((kind) => {
    const address = addressOf(`${seed} ${name} ${kind}`);
    const serial = `HTEST-${address.replaceAll(':', '').slice(-6)}`;
    return MAKERS[kind](
      { address, name: ['HTEST', label, kind].filter((word) => word !== undefined).join(' '), serial },
      person,
      startedAt,
    );
  });
}

interface Identity {
  readonly address: string;
  readonly name: string;
  readonly serial: string;
}

const MAKERS: Readonly<Record<WearableKind, (identity: Identity, person: Person, startedAt: Instant) => LiveWearable>> =
  {
    strap(identity, person) {
      const device = createHeartStrap(identity);
      const measure = (at: Instant) =>
        device.beat({ heartRate: person.heartRate(at), rr1024: person.rr1024(at - SECOND_MS, at).slice(0, 8) });
      return { device, everyMs: SECOND_MS, whenHeard: () => device.whenHeard(), measure };
    },

    cuff(identity, person) {
      const device = createCuff(identity);
      const measure = (at: Instant) => device.measure({ ...person.bloodPressure(at), at: instantToWallClock(at, 0) });
      return { device, everyMs: MINUTE_MS, whenHeard: () => device.whenHeard(), measure };
    },

    oximeter(identity, person) {
      const device = createOximeter(identity);
      const measure = (at: Instant) => device.stream(person.oximetry(at));
      return { device, everyMs: SECOND_MS, whenHeard: () => device.whenHeard(), measure };
    },

    thermometer(identity, person) {
      const device = createThermometer(identity);
      const measure = (at: Instant) =>
        device.measure({ temperature: person.temperature(at), at: instantToWallClock(at, 0), type: 'ear' });
      return { device, everyMs: 30 * SECOND_MS, whenHeard: () => device.whenHeard(), measure };
    },

    cgm(identity, person, startedAt) {
      let sessionAt = startedAt - (startedAt % MINUTE_MS);
      const session = () => ({ startedAt: instantToWallClock(sessionAt, 0), tzMin: 0, dstMin: 0 });
      const device = createCgm({ ...identity, session: session() });
      async function measure(at: Instant): Promise<boolean> {
        if (at - sessionAt >= MAX_OFFSET_MIN * MINUTE_MS) {
          sessionAt = at - (at % MINUTE_MS);
          await device.startSession(session());
        }
        const { value, trend } = person.glucose(at);
        return device.measure({ glucose: value, trend, offsetMin: Math.floor((at - sessionAt) / MINUTE_MS) });
      }
      return { device, everyMs: MINUTE_MS, whenHeard: () => device.whenHeard(), measure };
    },
  };

/** Lets the wearables measure until the answer is called. `speed` is how much faster than real time `now` runs. */
export function runWearables(wearables: readonly LiveWearable[], now: () => Instant, speed: number): () => void {
  const timers = new Set<NodeJS.Timeout>();
  let stopped = false;
  for (const wearable of wearables) {
    const tick = () => {
      if (!stopped) void wearable.measure(now());
    };
    // The first measurement comes as soon as somebody listens, so that nobody looks at an empty page for minutes.
    void wearable.whenHeard().then(() => {
      if (stopped) return;
      tick();
      timers.add(setInterval(tick, Math.max(20, wearable.everyMs / speed)));
    });
  }
  return () => {
    stopped = true;
    for (const timer of timers) clearInterval(timer);
  };
}
