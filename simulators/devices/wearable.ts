/** What all simulated wearables have in common: who they are, and a battery. */
import type { ServiceDeclaration } from '../hci/gatt-database.ts';
import { VirtualPeripheral } from '../hci/virtual-peripheral.ts';
import { Battery } from './battery.ts';
import {
  BATTERY_LEVEL,
  BATTERY_STATUS,
  checkName,
  type DeviceOptions,
  declareBattery,
  declareDeviceInformation,
} from './device-services.ts';

export class Wearable extends VirtualPeripheral {
  readonly #battery: Battery;

  /** `services` come first; the first of them is advertised. */
  constructor(options: DeviceOptions, model: string, services: readonly [ServiceDeclaration, ...ServiceDeclaration[]]) {
    const battery = new Battery(options.battery);
    const { address, addressType, rssi, security, needs } = options;
    const own = services.map((service) => protect(service, needs));
    super({
      address,
      name: checkName(options.name),
      advertises: [services[0].uuid as number],
      services: [...own, declareBattery(battery), declareDeviceInformation(model, options.serial)],
      ...(addressType && { addressType }),
      ...(rssi !== undefined && { rssi }),
      ...(security && { security }),
    });
    this.#battery = battery;
  }

  /** What the battery has left, in percent. */
  get batteryPercent(): number {
    return this.#battery.percent;
  }

  /** Changes the battery level, in percent, and notifies it. False when nobody subscribed. */
  setBattery(percent: number): Promise<boolean> {
    this.#battery.set(percent);
    return this.tellBattery();
  }

  /** Notifies the level, and the state where the battery has one, as they are by now. False when nobody subscribed. */
  async tellBattery(): Promise<boolean> {
    const level = this.send(BATTERY_LEVEL, this.#battery.level());
    const status = this.#battery.runsDown ? this.send(BATTERY_STATUS, this.#battery.status()) : false;
    return (await level) || (await status);
  }
}

/** What the device tells by itself is for links of that kind only, unless it was declared otherwise. */
function protect(service: ServiceDeclaration, needs: DeviceOptions['needs']): ServiceDeclaration {
  if (needs === undefined) return service;
  const guard = needs === 'encryption' ? { secure: true } : { authenticated: true };
  const isTold = (properties: readonly string[]) => properties.includes('notify') || properties.includes('indicate');
  const characteristics = service.characteristics.map((one) => (isTold(one.properties) ? { ...guard, ...one } : one));
  return { ...service, characteristics };
}
