/**
 * A scale: Weight Scale service 181D (WSS), with Body Composition 181B (BCS) where it measures that. It keeps measurements
 * until each is confirmed; one with users keeps those of a user until that user has consented on the link.
 */
import type { Decimal } from '../../protocol/decimal.ts';
import {
  type BodyCompositionMeasurement,
  encodeBodyCompositionFeature,
  encodeBodyCompositionMeasurement,
} from '../../protocol/gatt/body-composition.ts';
import { wallClockToDateTime } from '../../protocol/gatt/date-time.ts';
import {
  type Attempt,
  encodeWeightMeasurement,
  encodeWeightScaleFeature,
  type MassUnit,
} from '../../protocol/gatt/weight-scale.ts';
import type { WallClock } from '../../protocol/time.ts';
import type { ServiceDeclaration } from '../hci/gatt-database.ts';
import type { DeviceOptions } from './device-services.ts';
import { MeasurementStore } from './measurement-store.ts';
import { type UserDataOptions, UserDataServer } from './user-data-server.ts';
import { Wearable } from './wearable.ts';

const WEIGHT_MEASUREMENT = 0x2a9d;
const BODY_COMPOSITION_MEASUREMENT = 0x2a9c;
/** 2A9E: timestamps, several users, BMI; weight to 5 g, height to 1 mm. */
const WEIGHT_FEATURES = 0b111 | (7 << 3) | (3 << 7);
/** 2A9B: all that there is; masses to 5 g, height to 1 mm. */
const COMPOSITION_FEATURES = 0x7ff | (7 << 11) | (3 << 15);
/** Octets of a value in the smallest MTU. */
const SMALLEST_VALUE = 20;

export interface ScaleOptions extends DeviceOptions {
  /** It measures body composition too. */
  readonly composition?: boolean;
  /** It has users, who have to consent. */
  readonly userData?: UserDataOptions;
  /** What its maker added to the standard. */
  readonly vendor?: ServiceDeclaration;
}

export interface WeightOnScale {
  /** In `unit`: 0.005 kg or 0.01 lb. */
  readonly weight: Attempt;
  readonly unit?: MassUnit;
  /** What the scale's clock showed. */
  readonly at?: WallClock;
  /** Whose it is; nobody's that the scale knows where left out. */
  readonly userId?: number;
  readonly bmi?: Decimal;
  /** 0.001 m or 0.1 in; together with the BMI. */
  readonly height?: Decimal;
}

type CompositionFields = Omit<
  BodyCompositionMeasurement,
  'unit' | 'multiplePacket' | 'timestamp' | 'userId' | 'unknownOctets'
>;

export type CompositionOnScale = Pick<CompositionFields, 'bodyFatPct'> &
  Pick<WeightOnScale, 'unit' | 'at' | 'userId'> & { readonly [K in keyof CompositionFields]?: CompositionFields[K] };

export class Scale extends Wearable {
  /** Undefined where it has none. */
  readonly users: UserDataServer | undefined;
  /** By characteristic and user; the measurements of nobody are nobody's to consent to. */
  readonly #stores = new Map<string, { readonly user: number | undefined; readonly store: MeasurementStore }>();

  constructor(options: ScaleOptions) {
    const users = options.userData && new UserDataServer(options.userData);
    const weight: ServiceDeclaration = {
      uuid: 0x181d,
      characteristics: [
        { uuid: WEIGHT_MEASUREMENT, properties: ['indicate'] },
        { uuid: 0x2a9e, properties: ['read'], value: encodeWeightScaleFeature({ raw: WEIGHT_FEATURES }) },
      ],
    };
    const composition: ServiceDeclaration = {
      uuid: 0x181b,
      characteristics: [
        { uuid: BODY_COMPOSITION_MEASUREMENT, properties: ['indicate'] },
        { uuid: 0x2a9b, properties: ['read'], value: encodeBodyCompositionFeature({ raw: COMPOSITION_FEATURES }) },
      ],
    };
    const more = [...(users ? [users.declaration] : []), ...(options.vendor ? [options.vendor] : [])];
    if (options.composition) super(options, 'Body composition scale', [composition, weight, ...more]);
    else super(options, 'Scale', [weight, ...more]);
    this.users = users;
    users?.attach(this, {
      consent: (user) => {
        for (const store of this.#of(user)) store.resume();
      },
      deletion: (user) => {
        for (const store of this.#of(user)) store.clear();
      },
    });
  }

  /** How many values nobody has confirmed yet. */
  get unsent(): number {
    return [...this.#stores.values()].reduce((sum, { store }) => sum + store.size, 0);
  }

  /** Takes a weight. True once it is confirmed, false when it waits for a subscriber or a consent. Throws `range`. */
  weigh({ weight, unit = 'kg', at, userId, bmi, height }: WeightOnScale): Promise<boolean> {
    const timestamp = at === undefined ? null : wallClockToDateTime(at);
    const more = { userId: userId ?? null, bmi: bmi ?? null, height: height ?? null };
    const value = encodeWeightMeasurement({ weight, unit, timestamp, ...more });
    return this.#store(WEIGHT_MEASUREMENT, userId).push(value);
  }

  /**
   * Takes a body composition, in two values where one of the smallest MTU does not hold it. True once all is confirmed,
   * false when it waits. Throws `range`, and a RangeError on a scale that does not measure it.
   */
  async analyze({ unit = 'kg', at, userId, ...fields }: CompositionOnScale): Promise<boolean> {
    const measurement: Omit<BodyCompositionMeasurement, 'unknownOctets'> = {
      ...EMPTY,
      ...fields,
      unit,
      multiplePacket: false,
      timestamp: at === undefined ? null : wallClockToDateTime(at),
      userId: userId ?? null,
    };
    const store = this.#store(BODY_COMPOSITION_MEASUREMENT, userId);
    const whole = encodeBodyCompositionMeasurement(measurement);
    if (whole.length <= SMALLEST_VALUE) return store.push(whole);
    const { basalKJ, musclePct, muscleMass, impedanceOhm, timestamp, ...second } = measurement;
    const head = { unit, bodyFatPct: fields.bodyFatPct, userId: measurement.userId, multiplePacket: true };
    const firstHalf = { ...EMPTY, ...head, timestamp, basalKJ, musclePct, muscleMass, impedanceOhm };
    const secondHalf = { ...EMPTY, ...second, ...head };
    const halves = [firstHalf, secondHalf].map(encodeBodyCompositionMeasurement);
    const sent = await Promise.all(halves.map((half) => store.push(half)));
    return sent.every(Boolean);
  }

  /** Resolves when nothing waits any more. */
  async whenSent(): Promise<void> {
    await Promise.all([...this.#stores.values()].map(({ store }) => store.whenEmpty()));
  }

  /** Resolves when somebody listens for weights. */
  whenHeard(): Promise<void> {
    return this.whenSubscribed(WEIGHT_MEASUREMENT);
  }

  #of(user: number): readonly MeasurementStore[] {
    return [...this.#stores.values()].filter((one) => one.user === user).map(({ store }) => store);
  }

  #store(characteristic: number, user: number | undefined): MeasurementStore {
    const key = `${characteristic} ${user ?? ''}`;
    const known = this.#stores.get(key);
    if (known) return known.store;
    const { users } = this;
    const released = () => !users || user === undefined || users.consented === user;
    const store = new MeasurementStore(this, characteristic, released);
    this.#stores.set(key, { user, store });
    return store;
  }
}

const EMPTY = {
  timestamp: null,
  userId: null,
  basalKJ: null,
  musclePct: null,
  muscleMass: null,
  fatFreeMass: null,
  softLeanMass: null,
  bodyWaterMass: null,
  impedanceOhm: null,
  weight: null,
  height: null,
} as const;

export function createScale(options: ScaleOptions): Scale {
  return new Scale(options);
}
