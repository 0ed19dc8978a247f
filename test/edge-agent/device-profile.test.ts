import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Gateway } from '../../edge-agent/gateway.ts';
import type { Notification } from '../../edge-agent/observe.ts';
import { decodeHex } from '../../protocol/bytes.ts';
import { explainReading } from '../../protocol/recheck.ts';
import { MDC } from '../../protocol/vital-signs.ts';
import { CUFF, cuffMeasurement, makeFolder, NOON, openTestGateway, SUBJECT } from '../support/test-gateway.ts';
import { TestService } from '../support/test-service.ts';
import { until } from '../support/until.ts';

let service: TestService;
let folder: string;
let gateway: Gateway | undefined;

beforeEach(async () => {
  service = await new TestService().start();
  folder = makeFolder();
});

afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
  await service.stop();
  rmSync(folder, { recursive: true });
});

/** 106/71 mmHg, pulse 63 with its most significant octet first: test/vectors/gatt-quirks.json. */
const BIG_ENDIAN: Notification = {
  device: CUFF,
  connection: 1,
  characteristic: 0x2a35,
  value: decodeHex('566a0047000000ea07080b121f00003f000000'),
  heardAt: Date.UTC(2026, 7, 11, 18, 31, 5),
};

async function pulseAfter(...names: (string | undefined)[]) {
  gateway = await openTestGateway(folder, service);
  for (const localName of names) {
    await gateway.meet({ id: CUFF.toUpperCase(), addressType: 'random', ...(localName && { localName }) });
  }
  // Such cuffs always name their user, so it waits until a patient says whose it is.
  await gateway.hear(BIG_ENDIAN);
  const claim = { type: 'claim', address: CUFF, addressType: 'random', userIndex: 0, subject: SUBJECT } as const;
  await service.act(1, [claim]);
  const isIn = () => service.readings.some(({ characteristic }) => characteristic === 0x2a35);
  await until('it was let go', async () => {
    await gateway!.flush();
    return gateway!.status().unclaimed === 0 || isIn();
  });
  await gateway.settled();
  const readings = service.readings.filter(({ characteristic }) => characteristic === 0x2a35);
  expect(readings.map(explainReading)).toEqual([undefined, undefined]);
  return readings.find(({ vital }) => vital === MDC.cuffPulse)!;
}

describe('a device that breaks the standard', () => {
  it('is read by its profile, which the signed reading names', async () => {
    expect(await pulseAfter('Beurer BM85')).toMatchObject({
      profile: 'beurer-cuff',
      value: { mantissa: 63, exponent: 0 },
      flags: [],
    });
  });

  it('stays what it was when it says less of itself later', async () => {
    expect(await pulseAfter('BM85', undefined)).toMatchObject({ profile: 'beurer-cuff' });
  });

  it('is read by the standard as long as nobody knows it', async () => {
    const pulse = await pulseAfter('HTEST cuff');
    expect(pulse).not.toHaveProperty('profile');
    expect(pulse.flags).toEqual(['implausible', 'unknown-octets']);
  });
});

describe('a cuff that stamps in UTC and shows local time', () => {
  it('is not put right by the hours between the two', async () => {
    gateway = await openTestGateway(folder, service, { zoneOf: () => 120 });
    const [device, connection, heardAt] = [CUFF, 1, NOON];
    await gateway.noteClock({
      device,
      connection,
      deviceClock: '2026-01-01T14:00:00',
      heardAt,
      uncertaintyMs: 1,
      set: 'no',
    });
    // 120/80 mmHg at 820580400 s after the beginning of 2000: 2026-01-01T11:00:00Z.
    const value = decodeHex('427800500064003010e930');
    await gateway.hear({ device, connection, characteristic: 0x2b34, value, heardAt });
    await gateway.settled();
    const [reading] = service.readings.filter(({ characteristic }) => characteristic === 0x2b34);
    expect(reading).toMatchObject({ measuredAt: NOON - 3_600_000, measuredBy: 'device', zoneMin: 0, flags: [] });
    expect(explainReading(reading!)).toBeUndefined();
  });
});

describe('a cuff that goes on with its memory after its clock was set', () => {
  const MINUTE = 60_000;

  /** Hears a value that was stamped 12:00 after a clock that showed `was` at `heardAt` was set. */
  async function heardAfterSetting(was: string, now: string, heardAt: number) {
    gateway = await openTestGateway(folder, service);
    const clock = { device: CUFF, connection: 1, heardAt, uncertaintyMs: 1 } as const;
    await gateway.noteClock({ ...clock, deviceClock: was, set: 'no' });
    await gateway.noteClock({ ...clock, deviceClock: now, heardAt: heardAt + 1000, set: 'set' });
    await gateway.hear(cuffMeasurement(heardAt + 2000));
    await gateway.settled();
    return service.readings.find(({ characteristic }) => characteristic === 0x2a35)!;
  }

  it('has the times of what was stamped before put right by the clock as it was', async () => {
    const reading = await heardAfterSetting('2026-01-01T12:10:00', '2026-01-01T12:26:01', NOON + 26 * MINUTE);
    expect(reading).toMatchObject({ measuredAt: NOON + 16 * MINUTE, clockOffsetMs: 16 * MINUTE });
    expect(explainReading(reading)).toBeUndefined();
  });

  it('also where the clock was ahead', async () => {
    const reading = await heardAfterSetting('2026-01-01T12:10:00', '2026-01-01T11:50:01', NOON - 10 * MINUTE);
    expect(reading).toMatchObject({ measuredAt: NOON - 20 * MINUTE, clockOffsetMs: -20 * MINUTE });
  });

  it('is believed in what it has stamped since', async () => {
    const reading = await heardAfterSetting('2026-01-01T11:44:00', '2026-01-01T12:00:01', NOON);
    expect(reading).toMatchObject({ measuredAt: NOON, measuredBy: 'device', flags: [] });
    expect(reading).not.toHaveProperty('clockOffsetMs');
  });
});
