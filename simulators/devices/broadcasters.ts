/**
 * Devices that say what they measure in their advertisements: a BTHome thermometer and scale, which nobody can connect to,
 * a Mi Body Composition Scale, and what a Polar strap says beside its service.
 */
import type { Decimal } from '../../protocol/decimal.ts';
import { encodeBthome } from '../../protocol/gatt/bthome.ts';
import { wallClockToDateTime } from '../../protocol/gatt/date-time.ts';
import { encodeMiScaleComposition } from '../../protocol/gatt/mi-scale.ts';
import { encodePolarAdvertisement } from '../../protocol/gatt/polar-advertisement.ts';
import type { WallClock } from '../../protocol/time.ts';
import { VirtualPeripheral } from '../hci/virtual-peripheral.ts';
import { checkName, type DeviceOptions } from './device-services.ts';

const BTHOME = 0xfcd2;
const BODY_COMPOSITION = 0x181b;

/** Speaks BTHome version 2. */
export class BthomeSensor extends VirtualPeripheral {
  #packetId = 0;

  constructor({ address, addressType, name }: DeviceOptions) {
    super({
      address,
      name: checkName(name),
      advertises: [],
      services: [],
      connectable: false,
      ...(addressType && { addressType }),
    });
  }

  /** Says temperature (Celsius, 0.01) or mass (kg, 0.01), until it is given something else. Throws `range`. */
  say(name: 'temperature' | 'mass', value: Decimal): void {
    this.#packetId = (this.#packetId + 1) % 256;
    const octets = encodeBthome({
      mac: null,
      trigger: false,
      values: [
        ['packetId', { mantissa: this.#packetId, exponent: 0 }],
        [name, value],
      ],
    });
    this.broadcast([{ kind: 'service', uuid: BTHOME, octets }]);
  }
}

/** Its advertisement says 181B, and what stands under that is Xiaomi's own. */
export class MiScale extends VirtualPeripheral {
  constructor({ address, addressType, name }: DeviceOptions) {
    super({ address, name: checkName(name), advertises: [], services: [], ...(addressType && { addressType }) });
  }

  /** Says a weight, in steps of 0.005 kg, until it is given another. `settled`: the number stopped blinking. */
  say(weight: Decimal, at: WallClock, settled = true): void {
    const octets = encodeMiScaleComposition({
      weight,
      unit: 'kg',
      timestamp: wallClockToDateTime(at),
      stabilized: settled,
      removed: false,
      impedance: null,
    });
    this.broadcast([{ kind: 'service', uuid: BODY_COMPOSITION, octets }]);
  }
}

/** What a Polar strap advertises of a heart rate; `counter` changes with each, modulo 8. */
export function polarBroadcast(bpm: number, counter: number): { kind: 'manufacturer'; octets: Uint8Array } {
  // Battery in order, on the skin, and the counter in bits 2 to 4.
  const status = 0b11 | ((counter % 8) << 2);
  const octets = encodePolarAdvertisement({ status, khzCode: 0, fastBpm: bpm, slowBpm: bpm });
  return { kind: 'manufacturer', octets };
}

export function createBthomeSensor(options: DeviceOptions): BthomeSensor {
  return new BthomeSensor(options);
}

export function createMiScale(options: DeviceOptions): MiScale {
  return new MiScale(options);
}
