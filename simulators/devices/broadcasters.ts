/** Devices that say what they measure in the data of their advertisements, and need no connection. */
import { type BthomeAdvertisement, encodeBthome } from '../../protocol/gatt/bthome.ts';
import {
  encodeMiScaleComposition,
  encodeMiScaleWeight,
  type MiScaleComposition,
  type MiScaleWeight,
} from '../../protocol/gatt/mi-scale.ts';
import { VirtualPeripheral } from '../hci/virtual-peripheral.ts';
import { checkName, type DeviceOptions } from './device-services.ts';

const BTHOME = 0xfcd2;
const WEIGHT_SCALE = 0x181d;
const BODY_COMPOSITION = 0x181b;

/** A broadcaster has no serial number to give. */
export type BroadcasterOptions = Omit<DeviceOptions, 'serial' | 'security' | 'battery'>;

/** A device that advertises service data of one UUID. */
export class Broadcaster extends VirtualPeripheral {
  readonly #uuid: number;

  /** Of one that is `connectable` the UUID is listed too, and the name is in the scan response. */
  constructor(options: BroadcasterOptions, uuid: number, connectable: boolean) {
    const { address, addressType, rssi } = options;
    super({
      address,
      name: checkName(options.name),
      advertises: connectable ? [uuid] : [],
      services: [],
      connectable,
      ...(addressType && { addressType }),
      ...(rssi !== undefined && { rssi }),
    });
    this.#uuid = uuid;
  }

  /** Advertises these octets until others come. Throws a RangeError when they do not fit beside the name. */
  broadcast(octets: Uint8Array): void {
    this.advertise([{ kind: 'service', uuid: this.#uuid, octets }]);
  }
}

/** A thermometer, scale or anything else that speaks BTHome v2; nobody can connect to it. */
export class BthomeSensor extends Broadcaster {
  #packet = 0;

  constructor(options: BroadcasterOptions) {
    super(options, BTHOME, false);
  }

  /** Advertises values with a new packet number, which says that they are new. Throws `range`. */
  tell(values: BthomeAdvertisement['values'], trigger = false): void {
    const packetId = ['packetId', { mantissa: this.#packet, exponent: 0 }] as const;
    this.broadcast(encodeBthome({ mac: null, trigger, values: [packetId, ...values] }));
    this.#packet = (this.#packet + 1) % 256;
  }
}

/** A scale of Xiaomi's first kind: weight under 181D. Like the real ones it could be connected to, and nobody needs to. */
export class MiScale extends Broadcaster {
  constructor(options: BroadcasterOptions) {
    super(options, WEIGHT_SCALE, true);
  }

  /** What the scale shows now; it is told again and again. Throws `range`. */
  show(weight: MiScaleWeight): void {
    this.broadcast(encodeMiScaleWeight(weight));
  }
}

/** A scale of Xiaomi's second kind: weight and impedance under 181B; connectable likewise. */
export class MiCompositionScale extends Broadcaster {
  constructor(options: BroadcasterOptions) {
    super(options, BODY_COMPOSITION, true);
  }

  /** What the scale shows now; the impedance comes some seconds after the weight. Throws `range`. */
  show(composition: MiScaleComposition): void {
    this.broadcast(encodeMiScaleComposition(composition));
  }
}

export function createBthomeSensor(options: BroadcasterOptions): BthomeSensor {
  return new BthomeSensor(options);
}

export function createMiScale(options: BroadcasterOptions): MiScale {
  return new MiScale(options);
}

export function createMiCompositionScale(options: BroadcasterOptions): MiCompositionScale {
  return new MiCompositionScale(options);
}
