/** A chest strap that also says its heart rate in its advertisements, as those of Polar do (company identifier 006B). */
import { encodePolarAdvertisement } from '../../protocol/gatt/polar-advertisement.ts';
import { HeartStrap } from './heart-strap.ts';

const BATTERY_OK = 0b01;
const CONTACT = 0b10;
const COUNTERS = 8;
/** The 5 kHz transmission is not coded. */
const NO_CODE = 0;

export interface AdvertisedRate {
  /** Beats per minute, by the last beats. */
  readonly fastBpm: number;
  /** The slow average that the strap would show; not in the short form of old straps. */
  readonly slowBpm?: number;
  /** On the skin; true by default. */
  readonly contact?: boolean;
}

export class PolarStrap extends HeartStrap {
  #counter = 0;

  /** Advertises a rate until another comes, while nobody is connected. Throws `range`. */
  broadcastRate({ fastBpm, slowBpm, contact = true }: AdvertisedRate): void {
    const status = BATTERY_OK | (contact ? CONTACT : 0) | (this.#counter << 2);
    const octets = encodePolarAdvertisement({ status, khzCode: NO_CODE, fastBpm, slowBpm: slowBpm ?? null });
    this.advertise([{ kind: 'manufacturer', octets }]);
    this.#counter = (this.#counter + 1) % COUNTERS;
  }
}

export function createPolarStrap(options: ConstructorParameters<typeof HeartStrap>[0]): PolarStrap {
  return new PolarStrap(options);
}
