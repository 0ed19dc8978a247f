/** An agent erases one of the two patients that it serves: what waits goes, what is sealed is handed over first. */
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Gateway } from '../../edge-agent/gateway.ts';
import { erasureMark } from '../../protocol/erasure.ts';
import { encodeId } from '../../protocol/keys.ts';
import { CUFF, heartRate, makeFolder, NOON, openTestGateway, readAll, STRAP } from '../support/test-gateway.ts';
import { TestService } from '../support/test-service.ts';
import { until } from '../support/until.ts';

const ADA = new Uint8Array(32).fill(0xad);
const BEN = new Uint8Array(32).fill(0xbe);
const ID = new Uint8Array(16).fill(0x1d);
const ERASE = { type: 'erase', id: ID, mark: erasureMark(ID, ADA) } as const;

let folder: string;
let service: TestService;
let gateway: Gateway;

beforeEach(async () => {
  folder = makeFolder();
  service = await new TestService().start();
  const assigned = (address: string, subject: Uint8Array) =>
    ({ address, addressType: 'random', subject: encodeId(subject) }) as const;
  service.codes.set('two', [assigned(STRAP, ADA), assigned(CUFF, BEN)]);
  gateway = await openTestGateway(folder, service, { code: 'two' });
  await until('it is connected', () => gateway.status().connected);
});

afterEach(async () => {
  await gateway.stop();
  await service.stop();
  rmSync(folder, { recursive: true, force: true });
});

const hear = async (bpm: number, device: string) => gateway.hear({ ...heartRate(bpm, NOON + bpm * 1000), device });

async function confirmed(): Promise<boolean> {
  const reports = await Promise.all(service.reports.map((sealed) => service.openReport(sealed)));
  return reports.some(({ content }) => content.type === 'erased');
}

/** Of her, in whatever form it is kept: the key folder holds the enrolment. */
const tracesOf = (subject: Uint8Array) => {
  const all = readAll(folder);
  return [Buffer.from(subject), Buffer.from(encodeId(subject))].filter((form) => all.includes(form)).length;
};

describe('an erasure at a gateway', () => {
  it('destroys what waits of her and nothing of anybody else, and says so', async () => {
    await hear(70, STRAP);
    await hear(80, CUFF);
    expect(gateway.status().pending).toBe(2);
    expect(tracesOf(ADA)).toBeGreaterThan(0);
    await service.act(1, [ERASE]);
    await until('it says that it is done', confirmed);
    expect(gateway.wanted).toEqual([CUFF]);
    await hear(71, STRAP);
    await gateway.settled();
    expect(service.readings.map(({ value }) => (value as { mantissa: number }).mantissa)).toEqual([80]);
    const subjects = new Set(service.batches.flatMap(({ leaves }) => leaves.map(({ subject }) => encodeId(subject))));
    expect([...subjects]).toEqual([encodeId(BEN)]);
    expect([tracesOf(ADA), tracesOf(BEN) > 0]).toEqual([0, true]);
  });

  it('waits with its word until what was sealed before is handed over, also over a restart', async () => {
    service.misdeeds.refuse = () => ({ code: 'unavailable', retry: 'later' });
    await hear(70, STRAP);
    await gateway.flush();
    await hear(80, CUFF);
    await service.act(1, [ERASE]);
    await until('her device is gone', () => !gateway.wanted.includes(STRAP));
    await gateway.flush();
    expect(await confirmed()).toBe(false);
    await gateway.stop();
    gateway = await openTestGateway(folder, service);
    expect(gateway.wanted).toEqual([CUFF]);
    service.misdeeds.refuse = () => undefined;
    await gateway.settled();
    await until('it says that it is done', confirmed);
    expect(tracesOf(ADA)).toBe(0);
  });

  it('is harmless when it is asked for again, or for somebody whom it never served', async () => {
    await hear(80, CUFF);
    const other = new Uint8Array(16).fill(2);
    await service.act(1, [ERASE, { type: 'erase', id: other, mark: erasureMark(other, new Uint8Array(32).fill(9)) }]);
    await until('it says that it is done', confirmed);
    const before = service.reports.length;
    await service.act(2, [ERASE]);
    await until('it says so again', () => service.reports.length > before);
    await gateway.settled();
    expect(service.readings).toHaveLength(1);
  });
});
