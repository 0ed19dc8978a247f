/** A Generic Health Sensor 1840 (GHSS): live observations 2B8B in segments. It keeps nothing. */
import type { SensorValue } from '../../protocol/decimal.ts';
import { encodeGhsObservation, encodeGhsSegment } from '../../protocol/gatt/ghs.ts';
import { splitIntoSegments } from '../../protocol/gatt/segments.ts';
import type { DeviceOptions } from './device-services.ts';
import { Wearable } from './wearable.ts';

const LIVE_OBSERVATIONS = 0x2b8b;
/** Octets of an observation in one segment: what the smallest MTU leaves. */
const SEGMENT_OCTETS = 19;
const COUNTERS = 64;

export interface NumericObservation {
  /** MDC code of what was observed. */
  readonly mdc: number;
  /** Low 16 bits of the MDC unit. */
  readonly unitCode: number;
  readonly value: SensorValue;
}

export class HealthSensor extends Wearable {
  readonly #segmentOctets: number;
  #counter = 0;

  /** `segmentOctets`: of an observation in one notification; as many as the smallest MTU holds by default. */
  constructor(options: DeviceOptions & { readonly segmentOctets?: number }) {
    super(options, 'Health sensor', [
      {
        uuid: 0x1840,
        characteristics: [
          { uuid: LIVE_OBSERVATIONS, properties: ['notify'] },
          // Flags 0, one supported type: respiratory rate 151562.
          { uuid: 0x2bf3, properties: ['read'], value: Uint8Array.of(0, 1, 0x0a, 0x50, 0x02, 0x00) },
        ],
      },
    ]);
    this.#segmentOctets = options.segmentOctets ?? SEGMENT_OCTETS;
  }

  /** Notifies a number, in as many segments as it needs. False when nobody subscribed to all of them. */
  async observe({ mdc, unitCode, value }: NumericObservation): Promise<boolean> {
    const whole = encodeGhsObservation({
      class: 1,
      type: mdc,
      time: null,
      durationS: null,
      status: null,
      objectId: null,
      patient: null,
      supplemental: null,
      derivedFrom: null,
      hasMember: null,
      unitCode,
      value,
    });
    const segments = splitIntoSegments(whole, this.#segmentOctets, this.#counter);
    this.#counter = (this.#counter + segments.length) % COUNTERS;
    const sent = await Promise.all(segments.map((one) => this.send(LIVE_OBSERVATIONS, encodeGhsSegment(one))));
    return sent.every(Boolean);
  }

  /** Resolves when somebody listens. */
  whenHeard(): Promise<void> {
    return this.whenSubscribed(LIVE_OBSERVATIONS);
  }
}

export function createHealthSensor(options: ConstructorParameters<typeof HealthSensor>[0]): HealthSensor {
  return new HealthSensor(options);
}
