/**
 * A scale: Weight Scale service 181D (WSS), with Body Composition 181B (BCS) and User Data 181C (UDS) where it has them.
 * It keeps measurements until each is confirmed; with users, a user's are withheld until that user consents.
 */
import type { Decimal } from '../../protocol/decimal.ts';
import {
  type BodyCompositionMeasurement,
  encodeBodyCompositionFeature,
  encodeBodyCompositionMeasurement,
} from '../../protocol/gatt/body-composition.ts';
import { wallClockToDateTime } from '../../protocol/gatt/date-time.ts';
import { encodeWeightMeasurement, encodeWeightScaleFeature } from '../../protocol/gatt/weight-scale.ts';
import type { WallClock } from '../../protocol/time.ts';
import type { ServiceDeclaration } from '../hci/gatt-database.ts';
import type { DeviceOptions } from './device-services.ts';
import { MeasurementStore } from './measurement-store.ts';
import { UserData, type UserDataOptions } from './user-data.ts';
import { Wearable } from './wearable.ts';

const WEIGHT_MEASUREMENT = 0x2a9d;
const BODY_COMPOSITION_MEASUREMENT = 0x2a9c;
/** 2A9E: time stamps, users, BMI; 5 g. 2A9B: all fields. */
const WEIGHT_FEATURES = 0b0011_1111;
const COMPOSITION_FEATURES = 0x7ff;

export interface WeightMeasured {
  /** In steps of 0.005 kg; `unsuccessful` where somebody stepped off too soon. */
  readonly weightKg: Decimal | 'unsuccessful';
  /** What the scale's clock showed. */
  readonly at?: WallClock;
  readonly userId?: number;
  readonly bmi?: Decimal;
  readonly heightM?: Decimal;
}

export type CompositionMeasured = Partial<Omit<BodyCompositionMeasurement, 'timestamp' | 'unit' | 'unknownOctets'>> & {
  readonly bodyFatPct: BodyCompositionMeasurement['bodyFatPct'];
  readonly at?: WallClock;
  /** Sends it as two values, as scales do where it is longer than one. */
  readonly twoPackets?: boolean;
};

export interface ScaleOptions extends DeviceOptions {
  readonly composition?: boolean;
  readonly users?: UserDataOptions;
}

const NO_COMPOSITION = {
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

export class Scale extends Wearable {
  readonly userData: UserData | undefined;
  readonly #weights: MeasurementStore;
  readonly #compositions: MeasurementStore | undefined;
  /** By user: what waits for that user to consent. */
  readonly #withheld = new Map<number, (() => void)[]>();

  constructor(options: ScaleOptions) {
    const userData = options.users && new UserData(options.users, (user) => this.#release(user));
    const services: [ServiceDeclaration, ...ServiceDeclaration[]] = [
      {
        uuid: 0x181d,
        characteristics: [
          { uuid: WEIGHT_MEASUREMENT, properties: ['indicate'] },
          { uuid: 0x2a9e, properties: ['read'], value: encodeWeightScaleFeature({ raw: WEIGHT_FEATURES }) },
        ],
      },
    ];
    if (options.composition) {
      services.push({
        uuid: 0x181b,
        characteristics: [
          { uuid: BODY_COMPOSITION_MEASUREMENT, properties: ['indicate'] },
          { uuid: 0x2a9b, properties: ['read'], value: encodeBodyCompositionFeature({ raw: COMPOSITION_FEATURES }) },
        ],
      });
    }
    if (userData) services.push(userData.declaration);
    super(options, 'Scale', services);
    userData?.attach(this);
    this.userData = userData;
    this.#weights = new MeasurementStore(this, WEIGHT_MEASUREMENT);
    if (options.composition) this.#compositions = new MeasurementStore(this, BODY_COMPOSITION_MEASUREMENT);
  }

  /** How many values nobody has confirmed yet, those that wait for consent included. */
  get unsent(): number {
    const withheld = [...this.#withheld.values()].reduce((sum, waiting) => sum + waiting.length, 0);
    return this.#weights.size + (this.#compositions?.size ?? 0) + withheld;
  }

  /** Takes a weight. True once it is confirmed, false when it waits. Throws `range`. */
  weigh({ weightKg, at, userId, bmi, heightM }: WeightMeasured): Promise<boolean> {
    const value = encodeWeightMeasurement({
      weight: weightKg,
      unit: 'kg',
      timestamp: at === undefined ? null : wallClockToDateTime(at),
      userId: userId ?? null,
      bmi: bmi ?? null,
      height: heightM ?? null,
    });
    return this.#give(userId, () => this.#weights.push(value));
  }

  /** Measures the composition of a body. True once all of it is confirmed, false when it waits. Throws `range`. */
  async measureComposition({ at, twoPackets = false, ...fields }: CompositionMeasured): Promise<boolean> {
    const store = this.#compositions;
    if (!store) throw new RangeError('this scale knows weights only');
    const whole: Omit<BodyCompositionMeasurement, 'unknownOctets'> = {
      ...NO_COMPOSITION,
      ...fields,
      unit: 'kg',
      multiplePacket: twoPackets,
      timestamp: at === undefined ? null : wallClockToDateTime(at),
    };
    const { impedanceOhm, weight, height } = whole;
    const first = { ...whole, impedanceOhm: null, weight: null, height: null };
    const rest = { ...NO_COMPOSITION, impedanceOhm, weight, height };
    const second = {
      ...rest,
      bodyFatPct: whole.bodyFatPct,
      unit: 'kg',
      multiplePacket: true,
      timestamp: null,
    } as const;
    const values = (twoPackets ? [first, second] : [whole]).map(encodeBodyCompositionMeasurement);
    const given = await Promise.all(
      values.map((value) => this.#give(fields.userId ?? undefined, () => store.push(value))),
    );
    return given.every(Boolean);
  }

  /** Resolves when nothing waits for a subscriber any more. */
  async whenSent(): Promise<void> {
    await Promise.all([this.#weights.whenEmpty(), this.#compositions?.whenEmpty()]);
  }

  /** Resolves when somebody listens for weights. */
  whenHeard(): Promise<void> {
    return this.whenSubscribed(WEIGHT_MEASUREMENT);
  }

  #give(userId: number | undefined, push: () => Promise<boolean>): Promise<boolean> {
    if (!this.userData || userId === undefined || this.userData.consented === userId) return push();
    const waiting = this.#withheld.get(userId) ?? [];
    this.#withheld.set(userId, [...waiting, () => void push()]);
    return Promise.resolve(false);
  }

  #release(user: number): void {
    const waiting = this.#withheld.get(user) ?? [];
    this.#withheld.delete(user);
    for (const push of waiting) push();
  }
}

export function createScale(options: ScaleOptions): Scale {
  return new Scale(options);
}
