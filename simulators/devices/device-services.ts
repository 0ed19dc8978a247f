/** Services that every simulated wearable has: Device Information 180A (DIS) and Battery 180F (BAS). */

import { encodeUtf8 } from '../../protocol/bytes.ts';
import type { SecurityOptions } from '../hci/device-security.ts';
import type { ServiceDeclaration } from '../hci/gatt-database.ts';
import type { Battery, BatteryOptions } from './battery.ts';

/** What tells one simulated wearable from another. */
export interface DeviceOptions {
  /** Six octets in hex with colons. */
  readonly address: string;
  /** In the scan response, at most 29 octets; must contain HTEST, so that nobody takes it for a real device. */
  readonly name: string;
  readonly serial: string;
  readonly addressType?: 'public' | 'random';
  /** dBm. */
  readonly rssi?: number;
  /** How it pairs. */
  readonly security?: SecurityOptions;
  /** A battery that runs down and tells its state (2BED) besides its level; a full one that lasts by default. */
  readonly battery?: BatteryOptions;
  /** What the link must be for anybody to hear what it measures; nothing by default. */
  readonly needs?: 'encryption' | 'authentication';
}

/** Manufacturer of everything that is simulated. */
export const MANUFACTURER = 'Veravita HTEST';
const FIRMWARE = '1.0.0';

export const BATTERY_LEVEL = 0x2a19;
export const BATTERY_STATUS = 0x2bed;

/** The name, once it is sure that it says HTEST. */
export function checkName(name: string): string {
  if (!name.includes('HTEST')) throw new RangeError('the name of a simulated device contains HTEST');
  return name;
}

/** Device Information with the four strings that the agent reads. */
export function declareDeviceInformation(model: string, serial: string): ServiceDeclaration {
  const text = (uuid: number, value: string) => ({ uuid, properties: ['read'] as const, value: encodeUtf8(value) });
  return {
    uuid: 0x180a,
    characteristics: [text(0x2a29, MANUFACTURER), text(0x2a24, model), text(0x2a25, serial), text(0x2a26, FIRMWARE)],
  };
}

/** Battery with a level that may change, and, where it runs down, its state. */
export function declareBattery(battery: Battery): ServiceDeclaration {
  const level = { uuid: BATTERY_LEVEL, properties: ['read', 'notify'] as const, value: () => battery.level() };
  const status = { uuid: BATTERY_STATUS, properties: ['read', 'notify'] as const, value: () => battery.status() };
  return { uuid: 0x180f, characteristics: battery.runsDown ? [level, status] : [level] };
}
