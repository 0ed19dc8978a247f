/** A generic health sensor: Generic Health Sensor service 1840 (GHSS), live observations in segments. */
import {
  encodeGhsObservation,
  encodeGhsSegment,
  type GhsBundle,
  type GhsObservation,
} from '../../protocol/gatt/ghs.ts';
import { splitIntoSegments } from '../../protocol/gatt/segments.ts';
import type { DeviceOptions } from './device-services.ts';
import { Wearable } from './wearable.ts';

const LIVE_HEALTH_OBSERVATIONS = 0x2b8b;
const COUNTERS = 64;
/** Octets of a segment's data in the smallest MTU: behind opcode, handle and header. */
const SMALLEST_MTU = 23;
const BEFORE_DATA = 4;

export class HealthSensor extends Wearable {
  #counter = 0;

  constructor(options: DeviceOptions) {
    super(options, 'Health sensor', [
      { uuid: 0x1840, characteristics: [{ uuid: LIVE_HEALTH_OBSERVATIONS, properties: ['notify'] }] },
    ]);
  }

  /**
   * Notifies an observation in as many segments as the link's MTU asks for; their counter runs on from one observation to
   * the next. False when nobody subscribed, or not to the end: a live observation is not kept. Throws `range`.
   */
  async observe(observation: GhsObservation | GhsBundle): Promise<boolean> {
    const octets = encodeGhsObservation(observation);
    const segments = splitIntoSegments(octets, (this.mtu ?? SMALLEST_MTU) - BEFORE_DATA, this.#counter);
    this.#counter = (this.#counter + segments.length) % COUNTERS;
    const sent = await Promise.all(segments.map((s) => this.send(LIVE_HEALTH_OBSERVATIONS, encodeGhsSegment(s))));
    return sent.every(Boolean);
  }

  /** Resolves when somebody listens for observations. */
  whenHeard(): Promise<void> {
    return this.whenSubscribed(LIVE_HEALTH_OBSERVATIONS);
  }
}

export function createHealthSensor(options: DeviceOptions): HealthSensor {
  return new HealthSensor(options);
}
