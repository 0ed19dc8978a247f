/** What a host has to do about devices of any family: subscriptions, bonds, identities, clocks, doubles. */
import { afterEach, describe, expect, it } from 'vitest';
import { encodeCurrentElapsedTime } from '../../protocol/gatt/elapsed-time.ts';
import { instantToWallClock } from '../../protocol/time.ts';
import { createCuff } from '../../simulators/devices/cuff.ts';
import { createDeviceClock } from '../../simulators/devices/device-clock.ts';
import { BacklogCuff, BLOOD_PRESSURE } from '../../simulators/devices/families/backlog-cuff.ts';
import { createNoninOximeter } from '../../simulators/devices/families/oximeters.ts';
import { createGlucoseMeter } from '../../simulators/devices/glucose-meter.ts';
import { Wearable } from '../../simulators/devices/wearable.ts';
import { type BondWorld, measure, openBondWorld, pairing, reconnect } from '../support/bond-world.ts';
import { FAMILY, openQuirkWorld, type QuirkWorld } from '../support/quirk-world.ts';
import { NOON } from '../support/test-gateway.ts';
import { until } from '../support/until.ts';

const dec = (mantissa: number) => ({ mantissa, exponent: 0 });
const at = (minutes: number) => instantToWallClock(NOON + minutes * 60_000, 0);
const PRESSURE = { systolic: dec(120), diastolic: dec(80), map: dec(93) };
/** ATT Read and Write Requests. */
const READ = 0x0a;
const WRITE = 0x12;

let world: QuirkWorld | undefined;
let bonds: BondWorld | undefined;
afterEach(async () => {
  await world?.close();
  await bonds?.close();
  world = undefined;
  bonds = undefined;
});

describe('Host: the peripheral forgets notify state (unbonded): rewrite CCCD on each connect', () => {
  it('is subscribed to anew on each link', async () => {
    bonds = openBondWorld({ needs: 'nothing' });
    const { device } = bonds;
    const agent = bonds.start(pairing('none'));
    await measure(device, agent);
    await reconnect(device, agent);
    await measure(device, agent);
    const configuration = device.database.handleOf(BLOOD_PRESSURE) + 1;
    const writes = device.attHeard.filter((pdu) => pdu[0] === WRITE && pdu.readUInt16LE(1) === configuration);
    expect(writes.map((pdu) => pdu.readUInt16LE(3))).toEqual([2, 2]);
  });
});

describe('Host: CONFLICT with Omron: keep CCCDs on bonded devices', () => {
  it('is heard by what it has kept, where its policy says so', async () => {
    const security = { keepsSubscriptions: true, unsubscribingDestroysBond: true };
    bonds = openBondWorld({ security });
    const { device } = bonds;
    const agent = bonds.start(pairing('bond-before-discovery', 'keep-when-bonded'));
    await measure(device, agent);
    await reconnect(device, agent);
    expect((await measure(device, agent)).link).toBe('bonded');
    expect(device.bondCount).toBe(1);
  });
});

describe('Host: short connect windows: measurement CCCD first, then time, set in the same session', () => {
  it('subscribes before it reads anything, and sets the clock on the same link', async () => {
    const clock = createDeviceClock({ now: () => NOON, aheadMs: -60 * 60_000 });
    const cuff = createCuff({ ...FAMILY, name: 'HTEST cuff', clock: { as: 'current-time', clock } });
    const asked: string[] = [];
    const names = new Map([
      [cuff.database.handleOf(BLOOD_PRESSURE) + 1, 'subscribe'],
      [cuff.database.handleOf(0x2a2b), 'time'],
      [cuff.database.handleOf(0x2a29), 'maker'],
    ]);
    let links = 0;
    cuff.on('connect', () => links++);
    cuff.misbehave = ([opcode, low = 0, high = 0]) => {
      if (opcode === READ || opcode === WRITE) {
        const name = names.get(low | (high << 8));
        if (name) asked.push(opcode === WRITE && name === 'time' ? 'set time' : name);
        else if (opcode === READ) asked.push('other');
      }
      return undefined;
    };
    world = await openQuirkWorld(cuff);
    await until('the clock was set', () => clock.written.length === 1);
    expect(asked.slice(0, 3)).toEqual(['subscribe', 'time', 'maker']);
    expect(asked).toContain('set time');
    expect(links).toBe(1);
  });
});

describe('Host: a device that wants a fresh bond per session', () => {
  it('is paired anew on each link where that is allowed, and said to be such a one', async () => {
    bonds = openBondWorld({ security: { freshBondPerLink: true } });
    const { device } = bonds;
    const agent = bonds.start({ ...pairing('bond-before-discovery'), mayPairAnew: () => true });
    await measure(device, agent);
    for (let links = 0; links < 3; links++) {
      await reconnect(device, agent);
      await measure(device, agent);
    }
    expect(agent.said()).toContain('fresh-bond-per-link');
  });
});

describe('Host: an identity key of all zeros', () => {
  it('is noted and not kept, or it would resolve to anybody', async () => {
    bonds = openBondWorld({ security: { identity: 'zero' } });
    const { device } = bonds;
    const agent = bonds.start(pairing('bond-before-discovery'));
    await measure(device, agent);
    expect(agent.said()).toEqual(['zero-irk', 'paired']);
  });
});

describe('Host: device clock unusable: year 0', () => {
  it('goes by the time of receipt until the clock is set', async () => {
    const clock = createDeviceClock({ now: () => NOON });
    clock.resetToFactory();
    const as = 'current-time';
    const cuff = createCuff({ ...FAMILY, name: 'HTEST cuff', clock: { as, clock } });
    world = await openQuirkWorld(cuff);
    await cuff.whenHeard();
    const zero = Uint8Array.of(0x02, 120, 0, 80, 0, 93, 0, 0, 0, 0, 0, 12, 0, 0);
    expect(await cuff.send(BLOOD_PRESSURE, zero)).toBe(true);
    const [reading] = await world.filed(BLOOD_PRESSURE, 1);
    expect(reading).toMatchObject({ heardAt: NOON });
    expect(reading).not.toHaveProperty('deviceClock');
    await until('the clock was set', () => clock.wallClock() === at(0));
  });
});

describe('Host: device clock unusable: 2A5E flag 4, GLS status bit 11', () => {
  it('is not believed where the device says that its clock is not set', async () => {
    const oximeter = createNoninOximeter(FAMILY);
    world = await openQuirkWorld(oximeter);
    await oximeter.whenHeard();
    // Time stamp (bit 0), clock not set (bit 4): 97 %, 64/min, 2020-01-01T00:00:00.
    const spotCheck = Uint8Array.of(0x11, 97, 0, 64, 0, 0xe4, 0x07, 1, 1, 0, 0, 0);
    expect(await oximeter.send(0x2a5e, spotCheck)).toBe(true);
    for (const reading of await world.filed(0x2a5e, 2)) {
      expect(reading.flags).toContain('clock-not-set');
      expect(reading).not.toHaveProperty('deviceClock');
    }
    await world.close();

    const meter = createGlucoseMeter({ ...FAMILY, name: 'HTEST meter' });
    await meter.measure({ concentration: { mantissa: 9, exponent: -4 }, at: at(-5), status: ['timeFault'] });
    world = await openQuirkWorld(meter);
    const [glucose] = await world.filed(0x2a18, 1);
    expect(glucose!.flags).toContain('clock-not-set');
    expect(glucose).not.toHaveProperty('deviceClock');
  });
});

describe('Host: device clock unusable: ETS needsSet', () => {
  /** A thermometer with an Elapsed Time service, whose clock is twelve hours behind. */
  async function clocksOf(needsSet: boolean) {
    const value = encodeCurrentElapsedTime({
      value: (NOON - Date.UTC(2000, 0, 1)) / 1000 - 12 * 3600,
      tick: false,
      utc: true,
      resolutionS: dec(1),
      tzUsed: false,
      currentTimeline: true,
      source: 'notSynchronized',
      offset15: 0,
      needsSet,
      appliesDst: false,
      managesTz: false,
    });
    const thermometer = new Wearable({ ...FAMILY, name: 'HTEST thermometer' }, 'Thermometer', [
      { uuid: 0x1809, characteristics: [{ uuid: 0x2a1c, properties: ['indicate'] }] },
      { uuid: 0x183f, characteristics: [{ uuid: 0x2bf2, properties: ['read'], value }] },
    ]);
    world = await openQuirkWorld(thermometer);
    await until('it is subscribed', () => thermometer.isSubscribed(0x2a1c));
    expect(await thermometer.send(0x2a1c, Uint8Array.of(0, 0x72, 1, 0, 0xff))).toBe(true);
    expect(await world.filed(0x2a1c, 1)).toMatchObject([{ heardAt: NOON }]);
    await world.agent.settled();
    const clocks = world.leaves().filter(({ kind }) => kind === 'clock');
    await world.close();
    world = undefined;
    return clocks;
  }

  it('attests what such a clock shows only where the device says that it is set', async () => {
    expect(await clocksOf(false)).toMatchObject([{ deviceClock: at(-12 * 60) }]);
    expect(await clocksOf(true)).toEqual([]);
  });
});

describe('Host: de-dup: burst backlog re-sent on each connection: key = device + char + raw octets', () => {
  it('files each once over three links, and tells a true repeat apart by its octets', async () => {
    const cuff = new BacklogCuff({ ...FAMILY, name: 'HTEST cuff' });
    cuff.keep({ ...PRESSURE, at: at(-20) });
    cuff.keep({ ...PRESSURE, at: at(-10) });
    world = await openQuirkWorld(cuff);
    for (let burst = 1; burst <= 3; burst++) {
      await until('the backlog was sent', () => cuff.bursts === burst);
      cuff.disconnect();
    }
    cuff.keep({ ...PRESSURE, at: at(-5) });
    const held = await world.filed(BLOOD_PRESSURE, 3);
    expect(held.map(({ deviceClock }) => deviceClock)).toEqual([at(-20), at(-10), at(-5)]);
  });
});
