/** Objects of BTHome version 2 by their one-octet id: name, size and scale (BTHome format, tables of objects). */
import type { Scale } from './fixed-point.ts';

/** How the value of an object is written. Lengths of `text` and `raw` stand in the octet before them. */
export type BthomeObject =
  | ({ readonly name: string; readonly kind: 'number'; readonly octets: number; readonly signed: boolean } & Scale)
  | { readonly name: string; readonly kind: 'boolean' | 'text' | 'raw' }
  | { readonly name: string; readonly kind: 'octets'; readonly octets: number };

function unsigned(name: string, octets: number, exponent = 0): BthomeObject {
  return { name, kind: 'number', octets, signed: false, step: 1, exponent };
}

function signed(name: string, octets: number, exponent = 0, step = 1): BthomeObject {
  return { name, kind: 'number', octets, signed: true, step, exponent };
}

function flag(name: string): BthomeObject {
  return { name, kind: 'boolean' };
}

/** Units: percent, degrees Celsius, kg or lb as named, hPa, lx, W, kWh, V, A, m/s, m/s2, s, L, m3, ppm, ug/m3. */
export const BTHOME_OBJECTS: ReadonlyMap<number, BthomeObject> = new Map([
  [0x00, unsigned('packetId', 1)],
  [0x01, unsigned('battery', 1)],
  [0x02, signed('temperature', 2, -2)],
  [0x03, unsigned('humidity', 2, -2)],
  [0x04, unsigned('pressure', 3, -2)],
  [0x05, unsigned('illuminance', 3, -2)],
  [0x06, unsigned('massKg', 2, -2)],
  [0x07, unsigned('massLb', 2, -2)],
  [0x08, signed('dewPoint', 2, -2)],
  [0x09, unsigned('count', 1)],
  [0x0a, unsigned('energy', 3, -3)],
  [0x0b, unsigned('power', 3, -2)],
  [0x0c, unsigned('voltage', 2, -3)],
  [0x0d, unsigned('pm25', 2)],
  [0x0e, unsigned('pm10', 2)],
  [0x0f, flag('boolean')],
  [0x10, flag('powerOn')],
  [0x11, flag('opening')],
  [0x12, unsigned('co2', 2)],
  [0x13, unsigned('tvoc', 2)],
  [0x14, unsigned('moisture', 2, -2)],
  [0x15, flag('batteryLow')],
  [0x16, flag('batteryCharging')],
  [0x17, flag('carbonMonoxide')],
  [0x18, flag('cold')],
  [0x19, flag('connectivity')],
  [0x1a, flag('door')],
  [0x1b, flag('garageDoor')],
  [0x1c, flag('gasDetected')],
  [0x1d, flag('heat')],
  [0x1e, flag('light')],
  [0x1f, flag('lock')],
  [0x20, flag('moistureDetected')],
  [0x21, flag('motion')],
  [0x22, flag('moving')],
  [0x23, flag('occupancy')],
  [0x24, flag('plug')],
  [0x25, flag('presence')],
  [0x26, flag('problem')],
  [0x27, flag('running')],
  [0x28, flag('safety')],
  [0x29, flag('smoke')],
  [0x2a, flag('sound')],
  [0x2b, flag('tamper')],
  [0x2c, flag('vibration')],
  [0x2d, flag('window')],
  [0x2e, unsigned('humidity', 1)],
  [0x2f, unsigned('moisture', 1)],
  [0x3a, unsigned('button', 1)],
  [0x3c, { name: 'dimmer', kind: 'octets', octets: 2 }],
  [0x3d, unsigned('count', 2)],
  [0x3e, unsigned('count', 4)],
  [0x3f, signed('rotation', 2, -1)],
  [0x40, unsigned('distanceMm', 2)],
  [0x41, unsigned('distanceM', 2, -1)],
  [0x42, unsigned('duration', 3, -3)],
  [0x43, unsigned('current', 2, -3)],
  [0x44, unsigned('speed', 2, -2)],
  [0x45, signed('temperature', 2, -1)],
  [0x46, unsigned('uvIndex', 1, -1)],
  [0x47, unsigned('volume', 2, -1)],
  [0x48, unsigned('volumeMl', 2)],
  [0x49, unsigned('volumeFlowRate', 2, -3)],
  [0x4a, unsigned('voltage', 2, -1)],
  [0x4b, unsigned('gas', 3, -3)],
  [0x4c, unsigned('gas', 4, -3)],
  [0x4d, unsigned('energy', 4, -3)],
  [0x4e, unsigned('volume', 4, -3)],
  [0x4f, unsigned('water', 4, -3)],
  [0x50, unsigned('timestamp', 4)],
  [0x51, unsigned('acceleration', 2, -3)],
  [0x52, unsigned('gyroscope', 2, -3)],
  [0x53, { name: 'text', kind: 'text' }],
  [0x54, { name: 'raw', kind: 'raw' }],
  [0x55, unsigned('volumeStorage', 4, -3)],
  [0x56, unsigned('conductivity', 2)],
  [0x57, signed('temperature', 1)],
  [0x58, signed('temperature', 1, -2, 35)],
  [0x59, signed('count', 1)],
  [0x5a, signed('count', 2)],
  [0x5b, signed('count', 4)],
  [0x5c, signed('power', 4, -2)],
  [0x5d, signed('current', 2, -3)],
  [0x5e, unsigned('direction', 2, -2)],
  [0x5f, unsigned('precipitation', 2, -1)],
  [0x60, unsigned('channel', 1)],
  [0x61, unsigned('rotationalSpeed', 2)],
  [0x62, signed('speed', 4, -6)],
  [0x63, signed('acceleration', 4, -6)],
  [0x64, unsigned('lightLevel', 1)],
  [0xf0, unsigned('deviceType', 2)],
  [0xf1, { name: 'firmwareVersion', kind: 'octets', octets: 4 }],
  [0xf2, { name: 'firmwareVersion', kind: 'octets', octets: 3 }],
]);
