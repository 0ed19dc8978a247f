import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openAgentGateway } from '../../edge-agent/agent.ts';
import { databasePath } from '../../edge-agent/database.ts';
import type { Gateway } from '../../edge-agent/gateway.ts';
import { scrubAgent } from '../../edge-agent/scrub.ts';
import { encodeHex } from '../../protocol/bytes.ts';
import { encodeId } from '../../protocol/keys.ts';
import type { CoverageLeaf } from '../../protocol/leaf.ts';
import { MDC } from '../../protocol/vital-signs.ts';
import {
  CUFF,
  cuffMeasurement,
  gatewayOptions,
  heartRate,
  issueCode,
  makeFolder,
  NOON,
  openTestGateway,
  readAll,
  STRAP,
  SUBJECT,
} from '../support/test-gateway.ts';
import { TestService } from '../support/test-service.ts';

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

/** Stops the agent and starts it again on the same folders, without a code. */
async function restart(): Promise<Gateway> {
  await gateway?.stop();
  gateway = await openAgentGateway(gatewayOptions(folder, service.url));
  return gateway;
}

function values(): number[] {
  return service.readings.flatMap(({ value }) => (typeof value === 'object' ? [value.mantissa] : []));
}

describe('the road to the service', () => {
  it('is open at a start with a row that the disk altered: it is set aside, and said by the scrubber', async () => {
    gateway = await openTestGateway(folder, service);
    await gateway.hear(heartRate(61, NOON));
    await gateway.settled();
    await gateway.stop();
    const db = new DatabaseSync(databasePath(join(folder, 'state')));
    db.prepare('INSERT INTO pending (row, boot, body) VALUES (1000, ?, ?)').run(randomBytes(16), randomBytes(200));
    db.close();
    gateway = await restart();
    await gateway.hear(heartRate(62, NOON + 1000));
    await gateway.settled();
    expect(values()).toEqual([61, 62]);
    await gateway.stop();
    const found = scrubAgent(join(folder, 'state'), join(folder, 'keys'));
    expect(found).toEqual(['row 1000 of pending did not open and was set aside']);
  });

  it('hands over what was heard, whole, in order, and then forgets it', async () => {
    gateway = await openTestGateway(folder, service);
    for (let i = 0; i < 1200; i++) void gateway.hear(heartRate(60 + (i % 90), NOON + i));
    await gateway.hear(cuffMeasurement(NOON));
    await gateway.settled();

    expect(values().length).toBe(1200);
    const panel = service.readings.find(({ vital }) => vital === MDC.bloodPressure);
    expect(panel).toMatchObject({
      measuredBy: 'device',
      measuredAt: NOON,
      deviceClock: '2026-01-01T12:00:00',
      test: true,
    });
    const heard = service.readings.filter(({ vital }) => vital === MDC.heartRate);
    expect(heard.map(({ measuredAt }) => measuredAt)).toEqual(heard.map((_, i) => NOON + i));
    expect(heard[0]).toMatchObject({ measuredBy: 'gateway', zoneMin: 0, ordinal: 0, unit: '/min' });
    expect(service.batches.map(({ header }) => header.sequence)).toEqual(service.batches.map((_, i) => i + 1));
    const sealed = service.batches.length;
    expect(gateway.status()).toMatchObject({
      heard: 1201,
      doubles: 0,
      pending: 0,
      sealed,
      held: sealed,
      logged: sealed,
      outbox: 0,
    });
  });

  it('closes batches by size and by age', async () => {
    gateway = await openTestGateway(folder, service, { batch: { maxLeaves: 10, maxAgeMs: 20 } });
    for (let i = 0; i < 25; i++) void gateway.hear(heartRate(60, NOON + i));
    await vi.waitFor(() => expect(service.readings.length).toBe(25));
    // Each with a tally.
    expect(service.batches.map(({ header }) => header.leafCount)).toEqual([11, 11, 6]);
  });

  it('cuts a batch that does not fit into one envelope', async () => {
    gateway = await openTestGateway(folder, service, { batch: { maxLeaves: 4000, maxAgeMs: 60_000 } });
    const value = () => Uint8Array.from([0x10, 60, ...randomBytes(500)]); // RR intervals that do not compress
    for (let i = 0; i < 3000; i++) void gateway.hear({ ...heartRate(0, NOON + i), value: value() });
    await gateway.settled();
    expect(service.readings.length).toBe(3000);
    expect(service.batches.length).toBeGreaterThan(1);
  });

  it('flags the implausible and the undecodable is counted, not kept', async () => {
    gateway = await openTestGateway(folder, service);
    await gateway.hear(heartRate(3, NOON));
    await gateway.hear({ ...heartRate(60, NOON), value: Uint8Array.of(0) });
    await gateway.hear({ ...heartRate(60, NOON), device: 'aa:aa:aa:aa:aa:aa' });
    await gateway.settled();
    expect(service.readings.map(({ flags }) => flags)).toEqual([['implausible']]);
    expect(gateway.status()).toMatchObject({
      implausible: 1,
      undecodable: 1,
      undecodableBy: { truncated: 1 },
      unknownDevice: 1,
    });
  });

  it('notes a device once per connection', async () => {
    gateway = await openTestGateway(folder, service);
    await gateway.meet({ id: STRAP.toUpperCase(), addressType: 'random', localName: 'Strap', model: 'H1' });
    await gateway.settled();
    const leaf = service.batches.flatMap(({ leaves }) => leaves).find(({ kind }) => kind === 'device');
    expect(leaf).toMatchObject({ kind: 'device', address: STRAP, name: 'Strap', model: 'H1', link: 'unbonded' });
  });
});

describe('clocks of devices', () => {
  it('are attested with how sure they are and what became of setting them; one without a date is not', async () => {
    gateway = await openTestGateway(folder, service);
    const clock = {
      device: CUFF.toUpperCase(),
      connection: 1,
      deviceClock: '2026-01-01T11:44:00',
      heardAt: NOON,
      uncertaintyMs: 20,
    };
    await gateway.noteClock({ ...clock, set: 'no' });
    await gateway.noteClock({ ...clock, deviceClock: '2026-01-01T12:00:01', heardAt: NOON + 900, set: 'set' });
    await gateway.noteClock({ device: CUFF, connection: 1, heardAt: NOON, uncertaintyMs: 20, set: 'refused' });
    await gateway.noteClock({ ...clock, device: 'aa:aa:aa:aa:aa:aa', set: 'no' });
    await gateway.settled();
    const leaves = service.batches.flatMap((batch) => batch.leaves).filter(({ kind }) => kind === 'clock');
    expect(leaves).toHaveLength(2);
    expect(leaves[0]).toMatchObject({ deviceClock: '2026-01-01T11:44:00', heardAt: NOON, uncertaintyMs: 20 });
    expect(leaves[0]).not.toHaveProperty('set');
    expect(leaves[1]).toMatchObject({ heardAt: NOON + 900, set: 'set' });
  });
});

describe('doubles', () => {
  it('drops what is fed again and keeps true repeats', async () => {
    gateway = await openTestGateway(folder, service);
    const feed = async (connection: number) => {
      // Twice the same value at the same instant is two beats; a cuff's memory sent twice is one measurement.
      await gateway!.hear(heartRate(70, NOON, connection));
      await gateway!.hear(heartRate(70, NOON, connection));
      await gateway!.hear(heartRate(70, NOON + 1000, connection));
      await gateway!.hear(cuffMeasurement(NOON + connection, connection));
      await gateway!.hear(cuffMeasurement(NOON + connection + 5, connection));
    };
    await feed(1);
    await feed(2);
    await gateway.settled();
    await restart();
    await feed(1);
    await gateway.settled();
    const ordinals = service.readings.filter(({ vital }) => vital === MDC.heartRate).map(({ ordinal }) => ordinal);
    expect(ordinals).toEqual([0, 1, 0]);
    expect(service.readings.filter(({ vital }) => vital === MDC.bloodPressure).length).toBe(1);
    expect(gateway.status()).toMatchObject({ heard: 5, doubles: 5 });
  });
});

describe('restart', () => {
  it('continues sequence and chain, and does not enrol again', async () => {
    gateway = await openTestGateway(folder, service);
    await gateway.hear(heartRate(61, NOON));
    await gateway.settled();
    const { id } = gateway;
    await gateway.hear(heartRate(62, NOON + 1)); // durable, not sealed
    await restart();
    expect(gateway.id).toBe(id);
    await gateway.hear(heartRate(63, NOON + 2));
    await gateway.settled();
    expect(values()).toEqual([61, 62, 63]);
    expect(service.enrolments).toBe(1);
    // What an earlier boot heard is sealed under that boot.
    const boots = service.batches.map(({ header }) => encodeHex(header.boot));
    expect(boots[0]).toBe(boots[1]);
    expect(boots[2]).not.toBe(boots[1]);
  });

  it('refuses to make a new key beside old state, and a new state beside an enrolment', async () => {
    gateway = await openTestGateway(folder, service);
    await gateway.stop();
    gateway = undefined;
    const options = gatewayOptions(folder, service.url, issueCode(service));
    const keyFile = join(folder, 'keys', 'storage.key');
    const key = readFileSync(keyFile);
    rmSync(keyFile);
    await expect(openAgentGateway(options)).rejects.toThrow(/storage\.key is missing beside/);
    writeFileSync(keyFile, key);
    rmSync(join(folder, 'state'), { recursive: true });
    await expect(openAgentGateway(options)).rejects.toMatchObject({ code: 'missing' });
  });

  it('refuses a second agent on the same state', async () => {
    gateway = await openTestGateway(folder, service);
    await expect(openAgentGateway(gatewayOptions(folder, service.url))).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('enrolment', () => {
  it('says what went wrong, and the next start tries again', async () => {
    const options = gatewayOptions(folder, service.url);
    await expect(openAgentGateway(options)).rejects.toMatchObject({ code: 'missing' });
    await expect(openAgentGateway({ ...options, code: 'spent' })).rejects.toMatchObject({ code: 'expired' });
    const nobody = { ...options, code: 'x', serviceUrl: 'http://127.0.0.1:1' };
    await expect(openAgentGateway(nobody)).rejects.toMatchObject({ code: 'unavailable', retry: 'later' });
    gateway = await openTestGateway(folder, service);
    expect(service.enrolments).toBe(1);
  });
});

describe('commands', () => {
  it('pauses and resumes, durably, by newer unexpired commands only', async () => {
    let now = NOON;
    gateway = await openTestGateway(folder, service, { clock: () => now });
    await gateway.hear(heartRate(60, NOON));
    await vi.waitFor(() => expect(gateway!.status().connected).toBe(true));
    service.command(5, SUBJECT, true);
    service.command(6, SUBJECT, false);
    await vi.waitFor(() => expect(gateway!.wants(STRAP)).toBe(false));
    service.command(6, SUBJECT, true);
    service.command(7, SUBJECT, true, Date.now() - 1);
    await vi.waitFor(() => expect(gateway!.status().ignored).toBe(2));
    await gateway.hear(heartRate(61, NOON + 1));
    await restart();
    expect(gateway.wants(STRAP)).toBe(false);
    await gateway.hear(heartRate(62, NOON + 2));
    expect(gateway.status()).toMatchObject({ heard: 0, paused: 1 });
    await vi.waitFor(() => expect(gateway!.status().connected).toBe(true));
    service.command(8, SUBJECT, true);
    await vi.waitFor(() => expect(gateway!.wants(STRAP)).toBe(true));
    now += 10;
    await gateway.hear(heartRate(63, NOON + 3));
    await gateway.settled();
    expect(values()).toEqual([60, 63]);
  });
});

describe('coverage', () => {
  it('attests what each device did, also when nothing was heard and when the agent was off', async () => {
    let now = NOON;
    const clock = () => now;
    gateway = await openTestGateway(folder, service, { clock });
    now += 1000;
    gateway.linkChanged(STRAP, 'subscribed', now);
    now += 1000;
    await gateway.flush();
    await gateway.hear(heartRate(60, now));
    now += 1000;
    gateway.linkChanged(STRAP, 'lost', now);
    now += 1000;
    await gateway.stop();
    now += 5000;
    gateway = await openAgentGateway({ ...gatewayOptions(folder, service.url), clock });
    await gateway.settled();
    const coverage = service.batches
      .flatMap(({ leaves }) => leaves.filter((leaf): leaf is CoverageLeaf => leaf.kind === 'coverage'))
      .map(({ device, from, to, state }) => ({
        device: encodeHex(device),
        span: `${from - NOON}-${to - NOON} ${state}`,
      }));
    const devices = [...new Set(coverage.map(({ device }) => device))];
    const spans = devices.map((device) => coverage.filter((leaf) => leaf.device === device).map(({ span }) => span));
    expect(spans.sort((a, b) => b.length - a.length)).toEqual([
      [
        '0-1000 out-of-range',
        '1000-2000 silent',
        '2000-3000 received',
        '3000-4000 out-of-range',
        '4000-9000 agent-off',
      ],
      ['0-2000 out-of-range', '2000-4000 out-of-range', '4000-9000 agent-off'],
    ]);
  });

  it('sends a heartbeat when nothing else is sent', async () => {
    const started = Date.now();
    gateway = await openTestGateway(folder, service, { clock: Date.now, heartbeatMs: 30 });
    await vi.waitFor(() => expect(service.batches.length).toBeGreaterThan(2));
    expect(service.batches.every(({ leaves }) => leaves.every(({ kind }) => kind === 'coverage'))).toBe(true);
    expect(Math.min(...service.batches.map(({ header }) => header.openedAt))).toBeGreaterThanOrEqual(started);
  });
});

describe('what lies on the disk', () => {
  it('holds no value, name, handle or key in clear outside the key folder, and nobody else may read it', async () => {
    await service.stopBroker();
    const lines: string[] = [];
    const write = (fields: object, message: string) => lines.push(JSON.stringify({ ...fields, message }));
    const log = { info: write, warn: write, error: write };
    // A value with contact, energy and RR intervals: enough octets to be found by.
    const canary = Uint8Array.of(0x1e, 0x8b, 0xca, 0xfe, 0xba, 0xbe, 0xde, 0xad);
    const name = 'Anna Canary';
    gateway = await openTestGateway(folder, service, { log, batch: { maxLeaves: 50, maxAgeMs: 60_000 } });
    await gateway.meet({ id: CUFF, addressType: 'random', localName: name });
    for (let i = 0; i < 120; i++) await gateway.hear({ ...heartRate(0, NOON + i), value: canary });
    await gateway.flush();
    await gateway.hear({ ...heartRate(0, NOON + 500), value: canary });
    const state = join(folder, 'state');
    const secrets = ['signing', 'storage', 'doubles'].map((key) =>
      readFileSync(join(folder, 'keys', `${key}.key`), 'utf8').trim(),
    );
    const secret = (hex: string) => [Buffer.from(hex), Buffer.from(hex, 'hex')];
    const planted = [Buffer.from(canary), Buffer.from(name), Buffer.from(SUBJECT), Buffer.from(encodeId(SUBJECT))];
    const look = (bytes: Buffer) => [...planted, ...secrets.flatMap(secret)].map((needle) => bytes.includes(needle));
    const nothing = [...planted, ...secrets.flatMap(secret)].map(() => false);
    expect(look(readAll(state))).toEqual(nothing);
    expect(look(Buffer.from(lines.join('\n')))).toEqual(nothing);
    expect(look(readAll(folder)).some(Boolean)).toBe(true); // the search finds what is there

    const modeOf = (...path: string[]) => statSync(join(folder, ...path)).mode & 0o777;
    expect(modeOf('keys')).toBe(0o700);
    expect(modeOf('keys', 'signing.key')).toBe(0o600);
    expect(modeOf('keys', 'enrolment.json')).toBe(0o600);
    expect(modeOf('state')).toBe(0o700);
    expect(modeOf('state', 'agent.sqlite')).toBe(0o600);
    expect(modeOf('state', 'agent.sqlite-wal')).toBe(0o600);

    await service.startBroker();
    await gateway.settled();
    expect(service.readings.length).toBe(121);
    expect(new Set(service.arrivals.map(({ topic }) => topic))).toEqual(new Set([`veravita/v1/${gateway.id}/batches`]));
    await gateway.stop();
    expect(look(readAll(state))).toEqual(nothing);
  });
});
