import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAgentGateway } from '../../edge-agent/agent.ts';
import type { Gateway } from '../../edge-agent/gateway.ts';
import type { Notification } from '../../edge-agent/observe.ts';
import { deviceHandle, encodeId } from '../../protocol/keys.ts';
import { MDC } from '../../protocol/vital-signs.ts';
import {
  CUFF,
  cuffMeasurement,
  gatewayOptions,
  makeFolder,
  NOON,
  openTestGateway,
  readAll,
  SUBJECT,
} from '../support/test-gateway.ts';
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

const OTHER = new Uint8Array(32).fill(9);

/** 120/80 mmHg of a user of the cuff: flags user id. */
function measurementOf(userId: number, heardAt: number): Notification {
  const value = Uint8Array.of(0x08, 120, 0, 80, 0, 93, 0, userId);
  return { device: CUFF, connection: 1, characteristic: 0x2a35, value, heardAt };
}

function claim(number: number, userIndex: number, subject = OTHER): Promise<void> {
  return service.act(number, [{ type: 'claim', address: CUFF, addressType: 'random', userIndex, subject }]);
}

const panels = () => service.readings.filter(({ vital }) => vital === MDC.bloodPressure);

describe('a device with several users', () => {
  it('files what names no user as its patient’s, and holds what names one whom nobody has claimed', async () => {
    gateway = await openTestGateway(folder, service);
    await gateway.hear(cuffMeasurement(NOON));
    await gateway.hear(measurementOf(2, NOON + 1));
    await gateway.settled();
    expect(panels().map(({ subject }) => encodeId(subject))).toEqual([encodeId(SUBJECT)]);
    expect(gateway.status()).toMatchObject({ unclaimed: 1 });
  });

  it('lets go what waited, once and as the claimant’s, also after a restart, and asks nobody again', async () => {
    gateway = await openTestGateway(folder, service);
    await gateway.hear(measurementOf(2, NOON + 1));
    await gateway.hear(measurementOf(2, NOON + 1));
    await gateway.hear(measurementOf(3, NOON + 2));
    await gateway.stop();
    gateway = await openAgentGateway(gatewayOptions(folder, service.url));
    await claim(1, 2);
    await until('what waited was let go', async () => {
      await gateway!.flush();
      return panels().length > 0;
    });
    const handle = deviceHandle(OTHER, 'random', CUFF);
    expect(panels().map(({ subject, device }) => [encodeId(subject), device])).toEqual([
      [encodeId(OTHER), handle],
      [encodeId(OTHER), handle],
    ]);
    await gateway.hear(measurementOf(2, NOON + 10));
    await gateway.settled();
    expect(panels()).toHaveLength(3);
    expect(panels()[2]).toMatchObject({ subject: OTHER, heardAt: NOON + 10 });
    const reports = await Promise.all(service.reports.map((sealed) => service.openReport(sealed)));
    const told = reports.flatMap(({ content }) => (content.type === 'held' ? [content.users] : []));
    expect(told.at(-1)).toEqual([{ address: CUFF, addressType: 'random', userIndex: 3, count: 1 }]);
  });

  it('holds what does not say whose it is once a user of the device is claimed', async () => {
    gateway = await openTestGateway(folder, service);
    await gateway.hear(measurementOf(1, NOON + 5));
    await claim(1, 1);
    await until('what waited was let go', async () => {
      await gateway!.flush();
      return panels().length > 0;
    });
    await gateway.hear(measurementOf(255, NOON + 20));
    await gateway.settled();
    expect(panels().every(({ subject }) => encodeId(subject) === encodeId(OTHER))).toBe(true);
    expect(panels().some(({ heardAt }) => heardAt === NOON + 20)).toBe(false);
  });

  it('has a battery that is nobody’s but its own', async () => {
    gateway = await openTestGateway(folder, service);
    await gateway.hear(measurementOf(1, NOON + 5));
    await claim(1, 1);
    await until('what waited was let go', async () => {
      await gateway!.flush();
      return panels().length > 0;
    });
    await gateway.hear({
      device: CUFF,
      connection: 1,
      characteristic: 0x2a19,
      value: Uint8Array.of(80),
      heardAt: NOON,
    });
    await gateway.settled();
    const batteries = service.readings.filter(({ vital }) => vital === MDC.battery);
    expect(batteries.map(({ subject }) => encodeId(subject))).toEqual([encodeId(SUBJECT)]);
    expect(gateway.status()).toMatchObject({ unclaimed: 1 });
  });

  it('keeps nothing of it in clear', async () => {
    gateway = await openTestGateway(folder, service);
    await gateway.hear(measurementOf(2, NOON + 1));
    await gateway.stop();
    gateway = undefined;
    const state = readAll(folder);
    expect(state.includes(Buffer.from([0x08, 120, 0, 80, 0, 93, 0, 2]))).toBe(false);
  });
});
