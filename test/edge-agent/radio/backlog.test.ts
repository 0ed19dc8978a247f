/**
 * What devices have stored while nobody listened: all of it, once, in order, with right times, however often the link is
 * lost on the way.
 */
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAgentGateway } from '../../../edge-agent/agent.ts';
import type { Gateway } from '../../../edge-agent/gateway.ts';
import type { RadioNotification } from '../../../edge-agent/radio/radio-events.ts';
import type { RecordCursors } from '../../../edge-agent/radio/record-progress.ts';
import { encodeHex } from '../../../protocol/bytes.ts';
import type { Decimal } from '../../../protocol/decimal.ts';
import { decodeBloodPressureRecord } from '../../../protocol/gatt/blood-pressure-record.ts';
import { decodeGlucoseMeasurement } from '../../../protocol/gatt/glucose.ts';
import { encodeId } from '../../../protocol/keys.ts';
import type { ReadingLeaf } from '../../../protocol/leaf.ts';
import { instantToWallClock } from '../../../protocol/time.ts';
import { type Cgm, createCgm } from '../../../simulators/devices/cgm.ts';
import { createEnhancedCuff } from '../../../simulators/devices/enhanced-cuff.ts';
import { createGlucoseMeter } from '../../../simulators/devices/glucose-meter.ts';
import type { RacpServer } from '../../../simulators/devices/racp-server.ts';
import type { Wearable } from '../../../simulators/devices/wearable.ts';
import { openRadioWorld, type RadioWorld, STARTED_AT, until } from '../../support/radio-world.ts';
import { CUFF, gatewayOptions, issueCode, makeFolder, STRAP, SUBJECT } from '../../support/test-gateway.ts';
import { TestService } from '../../support/test-service.ts';

const WEEK = 2016;
const FIVE_MINUTES = 5 * 60_000;
const HOUR = 3_600_000;
const ZONE_MIN = 120;
const dec = (mantissa: number, exponent = 0) => ({ mantissa, exponent });

let folder: string;
let service: TestService;
let world: RadioWorld | undefined;
let gateway: Gateway | undefined;
beforeEach(async () => {
  folder = makeFolder();
  service = await new TestService().start();
});
afterEach(async () => {
  await stop();
  await service.stop();
  rmSync(folder, { recursive: true });
});

async function stop(): Promise<void> {
  await world?.close();
  await gateway?.stop();
  world = undefined;
  gateway = undefined;
}

interface Started {
  readonly world: RadioWorld;
  readonly gateway: Gateway;
}

/** A code that enrols an agent for these devices. */
function issueCodeFor(devices: readonly Wearable[]): string {
  const code = issueCode(service);
  const subject = encodeId(SUBJECT);
  service.codes.set(
    code,
    devices.map(({ address, addressType }) => ({ address, addressType, subject })),
  );
  return code;
}

/** Starts the agent, the first time with a code, later on the state that it has, and its radio. */
async function start(
  devices: readonly Wearable[],
  changes: {
    hear?: (hear: () => Promise<void>) => Promise<void>;
    cursors?: (own: RecordCursors) => RecordCursors;
  } = {},
): Promise<Started> {
  const code = service.enrolments === 0 ? issueCodeFor(devices) : undefined;
  const opened = await openAgentGateway({
    ...gatewayOptions(folder, service.url, code),
    clock: () => STARTED_AT,
    zoneOf: () => ZONE_MIN,
    batch: { maxLeaves: 10_000, maxAgeMs: 600_000 },
    heartbeatMs: 600_000,
  });
  gateway = opened;
  const { hear = (work) => work(), cursors = (own) => own } = changes;
  world = await openRadioWorld({
    setUp: (air) => devices.forEach((device) => void air.add(device)),
    onNotification: ({ uptimeMs, ...notification }) => hear(() => opened.hear(notification)),
    onClock: (clock) => void opened.noteClock(clock),
    cursors: cursors(opened.recordCursors),
  });
  return { world, gateway: opened };
}

/** Cuts a transfer after so many records, ten times, then lets it through. */
async function interruptTenTimes(memory: RacpServer, address: string, after: number, { links }: RadioWorld) {
  memory.interruptAfter = after;
  await until(() => links.filter(({ device, state }) => device === address && state === 'lost').length >= 10, 15_000);
  memory.interruptAfter = undefined;
}

/** The filed readings of a characteristic, as the service holds them: sorted by time. */
async function filed({ gateway }: Started, characteristic = 0x2aa7): Promise<ReadingLeaf[]> {
  await gateway.settled();
  return service.readings.filter((reading) => reading.characteristic === characteristic);
}

/** Each value where it was heard first. */
function firstHeard(notifications: readonly RadioNotification[]): RadioNotification[] {
  const seen = new Set<string>();
  return notifications.filter(({ value }) => {
    const hex = encodeHex(value);
    return !seen.has(hex) && seen.add(hex);
  });
}

/** A sensor that measured for a week until STARTED_AT, by local time of the zone. */
async function weekOfGlucose(count = WEEK): Promise<Cgm> {
  const startedAt = instantToWallClock(STARTED_AT - count * FIVE_MINUTES, ZONE_MIN);
  const session = { startedAt, tzMin: 60, dstMin: 60 };
  const options = { address: STRAP, name: 'HTEST sensor', serial: 'G-1', session, records: {} };
  const cgm = createCgm(options);
  for (let i = 0; i < count; i++) await cgm.measure({ glucose: dec(80 + (i % 90)), offsetMin: i * 5 });
  return cgm;
}

function expectWeek(readings: readonly ReadingLeaf[], count = WEEK): void {
  const expected = Array.from({ length: count }, (_, i) => STARTED_AT - (count - i) * FIVE_MINUTES);
  expect(readings.map(({ measuredAt }) => measuredAt)).toEqual(expected);
  expect(readings.map(({ value }) => value)).toEqual(expected.map((_, i) => dec(80 + (i % 90))));
  expect(readings.every(({ measuredBy }) => measuredBy === 'device')).toBe(true);
}

describe('a backlog', () => {
  it('of a week of a glucose sensor, 500 of a meter and 30 of a cuff is filed once, each cut ten times', async () => {
    const cgm = await weekOfGlucose();
    const meter = createGlucoseMeter({ address: CUFF, name: 'HTEST meter', serial: 'M-1' });
    const minute = (i: number) => instantToWallClock(STARTED_AT - (600 - i) * 60_000, ZONE_MIN);
    for (let i = 0; i < 500; i++) {
      const context = i % 3 === 0 ? { meal: 'fasting' as const } : undefined;
      await meter.measure({ concentration: dec(60 + i, -5), at: minute(i), ...(context && { context }) });
    }
    const cuff = createEnhancedCuff({ address: 'C0:FF:EE:00:00:03', name: 'HTEST cuff', serial: 'C-1' });
    const pressures: Uint8Array[] = [];
    for (let i = 0; i < 30; i++) {
      const at = minute(i);
      pressures.push(
        await cuff.measure({ systolic: dec(110 + i), diastolic: dec(70), map: dec(85), pulse: dec(60), at }),
      );
    }
    cgm.memory!.interruptAfter = 150;
    meter.memory.interruptAfter = 30;
    cuff.memory.interruptAfter = 2;
    const started = await start([cgm, meter, cuff]);
    await Promise.all([
      interruptTenTimes(cgm.memory!, cgm.address, 150, started.world),
      interruptTenTimes(meter.memory, meter.address, 30, started.world),
      interruptTenTimes(cuff.memory, cuff.address, 2, started.world),
    ]);
    const { heard, links } = started.world;
    await until(() => [cgm.memory!, meter.memory, cuff.memory].every(({ isDone }) => isDone), 15_000);
    expect(links.filter(({ state }) => state === 'lost').length).toBeGreaterThanOrEqual(30);

    expectWeek(await filed(started));
    const minutes = (count: number) => Array.from({ length: count }, (_, i) => STARTED_AT - (600 - i) * 60_000);
    const meterReadings = await filed(started, 0x2a18);
    expect(meterReadings.map(({ measuredAt }) => measuredAt)).toEqual(minutes(500));
    expect(meterReadings.map(({ value }) => (value as Decimal).mantissa)).toEqual(minutes(500).map((_, i) => 60 + i));
    const panels = (await filed(started, 0x2b36)).filter(({ components }) => components);
    expect(panels.map(({ measuredAt }) => measuredAt)).toEqual(minutes(30));
    const systolic = panels.map(({ components }) => (components![0]!.value as Decimal).mantissa);
    expect(systolic).toEqual(minutes(30).map((_, i) => 110 + i));
    // Not begun anew each time: what was durable when the link was lost is not asked for again.
    expect(heard(0x2aa7).length).toBeLessThan(WEEK + 10 * 80);

    const glucose = firstHeard(heard(0x2a18)).map(({ value }) => decodeGlucoseMeasurement(value));
    expect(glucose.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
    expect(firstHeard(heard(0x2a34))).toHaveLength(167);
    expect(heard(0x2a18).length).toBeLessThan(500 + 10 * 20);

    const whole = firstHeard(heard(0x2b36)).map(({ value }) => decodeBloodPressureRecord(value));
    expect(whole.filter(({ last }) => last).map(({ sequence }) => sequence)).toEqual(pressures.map((_, i) => i + 1));
    const joined = pressures.map((_, i) =>
      whole
        .filter(({ sequence }) => sequence === i + 1)
        .map(({ data }) => encodeHex(data))
        .join(''),
    );
    expect(joined.map((hex) => hex.slice(0, -4))).toEqual(pressures.map(encodeHex));
  }, 20_000);

  it('goes on where it was when the agent is stopped on the way and starts again on its state', async () => {
    const cgm = await weekOfGlucose(600);
    let heard = 0;
    const first = await start([cgm], {
      hear(hear) {
        heard++;
        return hear();
      },
    });
    await until(() => heard > 200);
    await stop();
    const second = await start([cgm]);
    await until(() => cgm.memory!.isDone);
    expectWeek(await filed(second), 600);
    expect(second.world.heard(0x2aa7).length).toBeLessThan(600);
    expect(first.gateway.id).toBe(second.gateway.id);
  });

  it('is filed once when the agent is killed before it noted how far it was', async () => {
    const cgm = await weekOfGlucose(300);
    cgm.memory!.interruptAfter = 200;
    const forgetful = (own: RecordCursors): RecordCursors => ({ read: (key) => own.read(key), write: () => undefined });
    const first = await start([cgm], { cursors: forgetful });
    await until(() => first.world.links.some(({ state }) => state === 'lost'));
    await stop();
    cgm.memory!.interruptAfter = undefined;
    const second = await start([cgm]);
    await until(() => cgm.memory!.isDone);
    expectWeek(await filed(second), 300);
    expect(second.gateway.status().doubles).toBeGreaterThanOrEqual(200);
  });

  it('and what was heard as it was measured are filed once', async () => {
    const cgm = await weekOfGlucose(20);
    const started = await start([cgm]);
    await until(() => cgm.memory!.isDone);
    await until(() => started.world.heard(0x2a19).length === 1);
    for (let i = 20; i < 30; i++) await cgm.measure({ glucose: dec(80 + (i % 90)), offsetMin: i * 5 });
    // The next link does not know which of them were heard.
    cgm.disconnect();
    await until(() => started.world.heard(0x2a19).length === 2);
    const readings = await filed(started);
    expect(readings.map(({ value }) => value)).toEqual(Array.from({ length: 30 }, (_, i) => dec(80 + i)));
    expect(started.world.heard(0x2aa7)).toHaveLength(40);
  });

  it('of a new session is fetched from its beginning', async () => {
    const cgm = await weekOfGlucose(20);
    const started = await start([cgm]);
    await until(() => started.world.heard(0x2a19).length === 1);
    await cgm.startSession({ startedAt: instantToWallClock(STARTED_AT - HOUR, ZONE_MIN), tzMin: 60, dstMin: 60 });
    await until(() => !cgm.connected);
    for (let i = 0; i < 5; i++) await cgm.measure({ glucose: dec(200 + i), offsetMin: i * 5 });
    await until(() => started.world.heard(0x2a19).length === 2);
    const readings = (await filed(started)).filter(({ value }) => (value as Decimal).mantissa >= 200);
    expect(readings.map(({ measuredAt }) => measuredAt - STARTED_AT + HOUR)).toEqual(
      [0, 1, 2, 3, 4].map((i) => i * FIVE_MINUTES),
    );
  });
});
