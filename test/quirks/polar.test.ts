/** Quirks of Polar sensors, shown by a virtual one and met by a whole agent. */
import { afterEach, describe, expect, it } from 'vitest';
import { profileOf } from '../../protocol/devices/device-profile.ts';
import { decodeHeartRateMeasurement } from '../../protocol/gatt/heart-rate.ts';
import { explainPairingFailure } from '../../protocol/pairing-failure.ts';
import { explainReading } from '../../protocol/recheck.ts';
import { MDC } from '../../protocol/vital-signs.ts';
import {
  createPolarStrap,
  createPolarStrapThatWantsPairing,
  POLAR_MEASUREMENTS,
} from '../../simulators/devices/families/heart-rate.ts';
import { FAMILY, openQuirkWorld, type QuirkWorld } from '../support/quirk-world.ts';
import { NOON } from '../support/test-gateway.ts';
import { turns, until } from '../support/until.ts';

const HEART_RATE = 0x2a37;
/** ATT Read, Read Blob and Write Requests. */
const [READ, READ_BLOB, WRITE] = [0x0a, 0x0c, 0x12];

let world: QuirkWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

describe('Polar: one central only, unless its user enables a second link', () => {
  it('is waited for while a phone has it, and heard when the phone lets go', async () => {
    const strap = createPolarStrap(FAMILY);
    let isPhones = true;
    strap.accept({
      central: { address: 'c0:00:00:00:00:99', random: true },
      send: () => undefined,
      drop: (reason) => strap.release(reason),
    });
    strap.on('disconnect', () => {
      isPhones = false;
    });
    world = await openQuirkWorld(strap);
    await turns(50);
    expect(isPhones).toBe(true);
    expect(world.logged('set-up-failed')).toBe(0);
    // A patient who pairs it meanwhile, and whose first link was good, is told of other phones.
    const words = explainPairingFailure('not-again', profileOf({ name: strap.name }));
    expect(words[0]).toContain('as if another phone or gateway had it');
    expect(words.join(' ')).toContain('Switch off Bluetooth on other phones');
    strap.disconnect();
    await strap.whenHeard();
    expect(await strap.beat({ heartRate: 64 })).toBe(true);
    expect((await world.filed(HEART_RATE, 1)).map(({ vital }) => vital)).toContain(MDC.heartRate);
  });
});

describe('Polar: contact flag flips false on alternate connections', () => {
  it('loses no heart rate, whatever the flag says', async () => {
    const strap = createPolarStrap(FAMILY);
    world = await openQuirkWorld(strap);
    const said: boolean[] = [];
    for (let connection = 0; connection < 4; connection++) {
      await strap.whenHeard();
      said.push(strap.saysContact);
      world.clock.set(NOON + connection * 60_000);
      expect(await strap.beat({ heartRate: 70 + connection })).toBe(true);
      strap.disconnect();
      await until('the link has ended', () => !strap.connected || !strap.isSubscribed(HEART_RATE));
    }
    expect(said).toEqual([true, false, true, false]);
    const rates = (await world.filed(HEART_RATE, 4)).filter(({ vital }) => vital === MDC.heartRate);
    expect(rates.map(({ value }) => value)).toEqual([70, 71, 72, 73].map((mantissa) => ({ mantissa, exponent: 0 })));
    // Told as the strap says it: a flag beside the rate, never a reason to drop it.
    expect(rates.map(({ flags }) => flags)).toEqual([[], ['no-contact'], [], ['no-contact']]);
  });
});

describe('Polar: several RR per notification when HR>60', () => {
  it('are all kept, in their order, in what is signed', async () => {
    const strap = createPolarStrap(FAMILY);
    world = await openQuirkWorld(strap);
    await strap.whenHeard();
    await strap.beat({ heartRate: 150, rr1024: [410, 405, 400] });
    const [held] = await world.filed(HEART_RATE, 1);
    expect(decodeHeartRateMeasurement(held!.raw).rr1024).toEqual([410, 405, 400]);
    expect(explainReading(held!)).toBeUndefined();
  });
});

describe('Polar: ECG/ACC via vendor PMD', () => {
  it('is left to the app of its maker: nothing there is read, written or subscribed to', async () => {
    const strap = createPolarStrap(FAMILY);
    const handles = [POLAR_MEASUREMENTS.controlPoint, POLAR_MEASUREMENTS.data].map((uuid) =>
      strap.database.handleOf(uuid),
    );
    const asked: number[] = [];
    strap.misbehave = ([opcode = 0, low = 0, high = 0]) => {
      // A value, or the configuration behind it, of requests that name one handle.
      const handle = low | (high << 8);
      const isThere = handles.some((value) => handle === value || handle === value + 1);
      if ([READ, READ_BLOB, WRITE].includes(opcode) && isThere) asked.push(opcode);
      return undefined;
    };
    world = await openQuirkWorld(strap);
    await strap.whenHeard();
    expect(await strap.beat({ heartRate: 64 })).toBe(true);
    await world.filed(HEART_RATE, 1);
    await world.filed(0x2a19, 1);
    expect(asked).toEqual([]);
  });
});

describe('Polar: new firmware 4.0.4 drops unpaired hosts', () => {
  it('is paired when it asks, and heard, now and on the next link', async () => {
    const strap = createPolarStrapThatWantsPairing(FAMILY);
    world = await openQuirkWorld(strap);
    const links: string[] = [];
    strap.on('encrypted', (by) => void links.push(by));
    for (const heartRate of [64, 65]) {
      await strap.whenHeard();
      expect(await strap.beat({ heartRate })).toBe(true);
      strap.disconnect();
      await until('the link has ended', () => !strap.connected || !strap.isSubscribed(HEART_RATE));
    }
    expect(await world.filed(HEART_RATE, 2)).toMatchObject([{ link: 'bonded' }, { link: 'bonded' }]);
    expect(links.slice(0, 2)).toEqual(['paired', 'bonded']);
  });
});

describe('Polar: advert mfr 006B carries HR', () => {
  it('is not counted a second time', async () => {
    const strap = createPolarStrap(FAMILY);
    world = await openQuirkWorld(strap);
    await strap.whenHeard();
    await strap.beat({ heartRate: 66 });
    strap.disconnect();
    // The same rate is in its advertisements now.
    await until('it is linked again', () => strap.isSubscribed(HEART_RATE));
    await world.filed(HEART_RATE, 1);
    const rates = world.service.readings.filter(({ vital }) => vital === MDC.heartRate);
    expect(rates.map(({ characteristic }) => characteristic)).toEqual([HEART_RATE]);
  });
});
