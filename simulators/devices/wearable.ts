/** What all simulated wearables have in common: who they are, and a battery. */
import { encodeBatteryLevel } from '../../protocol/gatt/battery.ts';
import type { ServiceDeclaration } from '../hci/gatt-database.ts';
import { VirtualPeripheral } from '../hci/virtual-peripheral.ts';
import {
  BATTERY_LEVEL,
  checkName,
  type DeviceOptions,
  declareBattery,
  declareDeviceInformation,
} from './device-services.ts';

export class Wearable extends VirtualPeripheral {
  readonly #battery: { percent: number };

  /** `services` come first; the first of them is advertised. */
  constructor(options: DeviceOptions, model: string, services: readonly [ServiceDeclaration, ...ServiceDeclaration[]]) {
    const battery = { percent: 100 };
    const { address, addressType, rssi, security, needs } = options;
    const own = services.map((service) => protect(service, needs));
    super({
      address,
      name: checkName(options.name),
      advertises: [services[0].uuid as number],
      services: [...own, declareBattery(() => battery.percent), declareDeviceInformation(model, options.serial)],
      ...(addressType && { addressType }),
      ...(rssi !== undefined && { rssi }),
      ...(security && { security }),
    });
    this.#battery = battery;
  }

  /** Changes the battery level, in percent, and notifies it. False when nobody subscribed. */
  setBattery(percent: number): Promise<boolean> {
    const value = encodeBatteryLevel({ percent });
    this.#battery.percent = percent;
    return this.send(BATTERY_LEVEL, value);
  }
}

/** What the device tells by itself is for links of that kind only. */
function protect(service: ServiceDeclaration, needs: DeviceOptions['needs']): ServiceDeclaration {
  if (needs === undefined) return service;
  const guard = needs === 'encryption' ? { secure: true } : { authenticated: true };
  const isTold = (properties: readonly string[]) => properties.includes('notify') || properties.includes('indicate');
  const characteristics = service.characteristics.map((one) => (isTold(one.properties) ? { ...one, ...guard } : one));
  return { ...service, characteristics };
}
