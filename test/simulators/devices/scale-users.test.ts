/** A scale with users, by hand: requests and answers as the User Data service lays them out. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCuff } from '../../../simulators/devices/cuff.ts';
import { createScale, type Scale } from '../../../simulators/devices/scale.ts';
import { createThermometer } from '../../../simulators/devices/thermometer.ts';
import { type HandHost, openHandHost } from '../../support/hand-host.ts';

const options = { address: 'F0:00:00:00:00:01', name: 'HTEST one', serial: '1' };
const dec = (mantissa: number, exponent = 0) => ({ mantissa, exponent });
const hex = (handle: number) => Buffer.from([handle & 0xff, handle >> 8]).toString('hex');

describe('a scale with users', () => {
  let host: HandHost;
  let scale: Scale;
  let point: string;
  let weight: string;
  beforeEach(async () => {
    host = openHandHost();
    scale = host.controller.add(createScale({ ...options, userData: { users: { 1: 1234, 2: 4321 }, most: 3 } }));
    point = hex(scale.database.handleOf(0x2a9f));
    weight = hex(scale.database.handleOf(0x2a9d));
    await host.connect(scale.address);
  });
  afterEach(() => host.controller.reset());

  const subscribe = async (uuid: number) => {
    expect(await host.att(`12${hex(scale.database.handleOf(uuid) + 1)}0200`)).toEqual(['13']);
  };
  /** Writes to the control point; gives what was indicated, confirmed. */
  const ask = async (request: string) => {
    const [written, indicated] = await host.att(`12${point}${request}`);
    expect(written).toBe('13');
    expect(indicated?.slice(0, 6)).toBe(`1d${point}`);
    const more = await host.att('1e');
    return { answer: indicated!.slice(6), more };
  };

  it('answers only where its indications are wanted', async () => {
    expect(await host.att(`12${point}02013412`)).toEqual([`0112${point}fd`]);
    await subscribe(0x2a9f);
    await host.att(`12${point}02013412`);
    expect(await host.att(`12${point}02013412`)).toEqual([`0112${point}fe`]);
  });

  it('keeps what it weighed until that user has consented on this link', async () => {
    await subscribe(0x2a9f);
    await subscribe(0x2a9d);
    expect(await scale.weigh({ weight: dec(71_050, -3), userId: 1 })).toBe(false);
    expect(await scale.weigh({ weight: dec(55_000, -3), userId: 2 })).toBe(false);
    expect(scale.unsent).toBe(2);
    // Wrong code, unknown user, then the right one: 4321.
    expect(await ask('020200aa')).toEqual({ answer: '200205', more: [] });
    expect(await ask('020900aa')).toEqual({ answer: '200203', more: [] });
    expect(await ask('0202e110')).toEqual({ answer: '200201', more: [`1d${weight}04f82a02`] });
    await host.att('1e');
    expect(scale.unsent).toBe(1);
    expect(scale.users?.consented).toBe(2);
    const index = hex(scale.database.handleOf(0x2a9a));
    expect(await host.att(`0a${index}`)).toEqual(['0b02']);
    scale.disconnect();
    expect(scale.users?.consented).toBeUndefined();
  });

  it('sends at once what is nobody’s', async () => {
    await subscribe(0x2a9d);
    const sent = scale.weigh({ weight: dec(71_050, -3) });
    await host.settled();
    expect(host.atts().at(-1)).toBe(`1d${weight}008237`);
    await host.att('1e');
    expect(await sent).toBe(true);
  });

  it('registers users while there is room, and deletes only the one who consented', async () => {
    await subscribe(0x2a9f);
    expect((await ask('010f27')).answer).toBe('20010100');
    expect((await ask('011027')).answer).toBe('200103');
    expect((await ask('010000')).answer).toBe('200104');
    expect(scale.users?.users).toEqual([1, 2, 0]);
    expect((await ask('03')).answer).toBe('200305');
    expect((await ask('0501')).answer).toBe('200505');
    await scale.weigh({ weight: dec(71_050, -3), userId: 1 });
    expect((await ask('0201d204')).answer).toBe('200201');
    expect((await ask('0501')).answer).toBe('20050101');
    expect(scale.users?.users).toEqual([2, 0]);
    expect(scale.unsent).toBe(0);
  });

  it('knows no list of its users, and no other requests', async () => {
    await subscribe(0x2a9f);
    expect((await ask('04')).answer).toBe('200402');
    expect((await ask('99')).answer).toBe('209902');
    expect((await ask('02')).answer).toBe('200203');
  });
});

describe('values that are not final', () => {
  it('are notified while the device measures, and kept by nobody', async () => {
    const host = openHandHost();
    const cuff = host.controller.add(createCuff({ ...options, intermediate: true }));
    const other = { ...options, address: 'F0:00:00:00:00:02', intermediate: true };
    const thermometer = host.controller.add(createThermometer(other));
    expect(await cuff.showPressure(dec(150))).toBe(false);
    const pressure = cuff.database.handleOf(0x2a36);
    const temperature = thermometer.database.handleOf(0x2a1e);
    await host.connect(cuff.address);
    await host.connect(thermometer.address);
    await host.att(`12${hex(pressure + 1)}0100`, 0x41);
    await host.att(`12${hex(temperature + 1)}0100`, 0x42);
    host.heard.length = 0;
    expect(await cuff.showPressure(dec(150))).toBe(true);
    expect(await thermometer.showTemperature(dec(361, -1))).toBe(true);
    expect(host.atts()).toEqual([`1b${hex(pressure)}009600ff07ff07`, `1b${hex(temperature)}00690100ff`]);
    await expect(createCuff(options).showPressure(dec(150))).rejects.toThrow(RangeError);
    host.controller.reset();
  });
});
