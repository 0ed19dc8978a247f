import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DEVICE_PROFILES,
  type DeviceTraits,
  profileNamed,
  profileOf,
} from '../../../protocol/devices/device-profile.ts';

/** Every family with known habits, as its devices show themselves. */
const FAMILIES: readonly [DeviceTraits, string][] = [
  [{ name: 'A&D_UA-651BLE_4F2A10' }, 'a-and-d-cuff'],
  [{ name: 'UA-651BLE' }, 'a-and-d-cuff'],
  [{ manufacturer: 'A&D Medical', services: [0x1810, 0x180a] }, 'a-and-d-cuff'],
  [{ name: 'A&D_UC-352BLE_000001' }, 'a-and-d-scale'],
  [{ manufacturer: 'A&D Medical', services: [0x181d] }, 'a-and-d-scale'],
  [{ name: 'A&D_UT-201BLE_000001' }, 'a-and-d-thermometer'],
  [{ name: 'UB-1100BLE', manufacturer: 'A&D Medical', services: [0x1810] }, 'a-and-d-ub-1100'],
  [{ name: 'BLEsmart_0000011FABCDEF012345' }, 'omron-cuff'],
  [{ name: 'BLESmart_0000011FABCDEF012345', services: [0x1810] }, 'omron-cuff'],
  [{ manufacturer: 'OMRON HEALTHCARE', services: [0x1810] }, 'omron-cuff'],
  [{ name: 'Beurer BM85' }, 'beurer-cuff'],
  [{ name: 'BM85', services: [0x1810] }, 'beurer-cuff'],
  [{ manufacturer: 'Beurer GmbH', services: [0x1810] }, 'beurer-cuff'],
  [{ name: 'boso medicus family' }, 'boso-medicus'],
  [{ name: 'Nonin3230_501234567' }, 'nonin-oximeter'],
  [{ manufacturer: 'Nonin Medical, Inc.', services: [0x1822] }, 'nonin-oximeter'],
  [{ name: 'O2Ring 1234', services: [0x180a] }, 'vendor-oximeter'],
  [{ name: 'Contour7830H1234567' }, 'contour-meter'],
  [{ services: [0x1808, '00000000-0002-11e2-9e96-0800200c9a66'] }, 'contour-meter'],
  [{ name: 'meter+01234567' }, 'accu-chek-meter'],
  [{ name: 'Accu-Chek SmartGuide 12', services: [0x181f] }, 'accu-chek-sensor'],
  [{ name: 'Diamond Mini', services: [0x1808] }, 'taidoc-meter'],
  [{ name: 'TaiDoc TD1241' }, 'taidoc-thermometer'],
  [{ manufacturer: 'TaiDoc Technology', services: [0x1809] }, 'taidoc-thermometer'],
  [{ manufacturer: 'TaiDoc Technology', services: [0x1808] }, 'taidoc-meter'],
  [{ name: 'CareSens 0123' }, 'care-sens-meter'],
  [{ name: 'OneTouch A1B2' }, 'one-touch-meter'],
  [{ name: 'DexcomAB' }, 'dexcom-sensor'],
  [{ name: 'ABBOTT3MH0001' }, 'libre-sensor'],
  [{ name: 'Guardian 4' }, 'medtronic-sensor'],
  [{ name: 'Polar H10 0123ABCD', services: [0x180d] }, 'polar-heart-rate'],
  [{ name: 'Polar Sense 0123ABCD' }, 'polar-heart-rate'],
  [{ name: 'TICKR 1234', services: [0x180d] }, 'heart-rate-strap'],
  [{ name: 'HRM-Dual:123456', services: [0x180d] }, 'heart-rate-strap'],
  [{ name: 'XOSS X2', services: [0x180d, 0x1816] }, 'heart-rate-strap'],
  [{ name: 'Mi Smart Band 6', services: [0x180d] }, 'xiaomi-band'],
  [{ name: 'Amazfit GTS' }, 'xiaomi-band'],
  [{ name: 'MIBCS' }, 'mi-scale'],
  [{ name: 'MI SCALE2' }, 'mi-scale'],
  [{ name: 'DIY-sensor', services: [0xfcd2] }, 'bthome-sensor'],
  [{ name: 'BF720', services: [0x181d, 0x181b, 0x181c] }, 'user-scale'],
  [{ name: 'SBF72' }, 'user-scale'],
  [{ name: 'Indie scale' }, 'indie-scale'],
  [{ name: 'Philips ear thermometer' }, 'philips-ear-thermometer'],
  [{ name: 'Avent smart ear' }, 'philips-ear-thermometer'],
  [{ name: 'HTEST cuff', manufacturer: 'Veravita HTEST', services: [0x1810] }, 'generic'],
  [{}, 'generic'],
];

describe('profileOf', () => {
  it.each(FAMILIES)('%j is %s', (traits, name) => {
    expect(profileOf(traits).name).toBe(name);
    expect(profileNamed(name)).toBe(profileOf(traits));
  });

  it('is shown for every profile', () => {
    const shown = new Set(FAMILIES.map(([, name]) => name));
    expect(DEVICE_PROFILES.filter(({ name }) => !shown.has(name))).toEqual([]);
  });

  it('takes a device that offers the standard as one that does, whatever its maker did before', () => {
    expect(profileOf({ name: 'O2Ring 1234', services: [0x1822] }).unsupported).toBeUndefined();
    expect(profileOf({ name: 'DexcomAB', services: [0x181f] }).unsupported).toBeUndefined();
  });

  it('answers the same for the same, quickly, whatever a device calls itself', () => {
    const text = fc.string({ unit: 'binary', maxLength: 248 });
    fc.assert(
      fc.property(text, text, fc.array(fc.nat({ max: 0xffff })), (name, manufacturer, services) => {
        const traits = { name, manufacturer, services };
        expect(profileOf(traits)).toBe(profileOf(structuredClone(traits)));
      }),
    );
    const started = performance.now();
    for (const name of ['Philips '.repeat(31), 'BM '.repeat(80), ' '.repeat(248)]) profileOf({ name });
    expect(performance.now() - started).toBeLessThan(100);
  });
});

describe('the device profiles', () => {
  it('have names that a leaf may hold, each once', () => {
    const names = DEVICE_PROFILES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9-]{0,63}$/);
  });

  it('say what to press, or why the device cannot be used', () => {
    for (const { advice, unsupported } of DEVICE_PROFILES) {
      expect(advice.length > 0).toBe(unsupported === undefined);
      for (const sentence of [...advice, ...(unsupported === undefined ? [] : [unsupported])]) {
        expect(sentence).toMatch(/^[A-Z"].*[.]$/);
      }
    }
  });

  it('keep the policies on which devices differ', () => {
    const of = (name: string) => profileNamed(name)!;
    const holdOffs = DEVICE_PROFILES.flatMap(({ name, holdOffMs }) => (holdOffMs === null ? [] : [[name, holdOffMs]]));
    expect(Object.fromEntries(holdOffs)).toMatchObject({
      'philips-ear-thermometer': 25_000,
      'taidoc-thermometer': 40_000,
      'a-and-d-scale': 15_000,
      'indie-scale': 23_000,
      'a-and-d-cuff': 10_000,
    });
    expect(of('generic').holdOffMs).toBeNull();
    expect(of('omron-cuff')).toMatchObject({
      pairing: 'bond-before-discovery',
      clock: 'current-time-if-off-by-10-min',
      cccd: 'keep-when-bonded',
    });
    expect(DEVICE_PROFILES.filter(({ cccd }) => cccd === 'keep-when-bonded').map(({ name }) => name)).toEqual([
      'omron-cuff',
    ]);
    expect(of('a-and-d-cuff')).toMatchObject({ clock: 'date-time-in-service', doubles: 'burst-resend' });
    expect(of('contour-meter')).toMatchObject({
      pairing: 'bond-before-connect',
      clock: 'vendor',
      records: 'racp-incremental',
    });
    expect(of('accu-chek-meter')).toMatchObject({ pairing: 'passkey', clock: 'date-time-in-service' });
    expect(of('taidoc-meter')).toMatchObject({ clock: 'none', records: 'racp-all', behaviors: ['sequence-reversed'] });
    expect(of('care-sens-meter')).toMatchObject({ clock: 'vendor', valueQuirks: ['ketone-by-context'] });
    expect(of('user-scale').users).toBe('consent-required');
    expect(of('mi-scale')).toMatchObject({ heardBy: 'advertisement', pairing: 'none' });
  });

  it('are data: no function', () => {
    expect(DEVICE_PROFILES.flatMap((profile) => Object.values(profile)).some((v) => typeof v === 'function')).toBe(
      false,
    );
  });
});
