/** A gap has a cause: an agent without room, a full disk, a kill, a flat battery, and too few links. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_PUBLISHING, openAgentGateway } from '../../edge-agent/agent.ts';
import { openDatabase } from '../../edge-agent/database.ts';
import { loadEnrolment } from '../../edge-agent/enrol.ts';
import { type Gateway, openGateway } from '../../edge-agent/gateway.ts';
import { Identity } from '../../edge-agent/identity.ts';
import { openKeys } from '../../edge-agent/keys.ts';
import { SILENT } from '../../edge-agent/log.ts';
import { openSecretFiles } from '../../edge-agent/secret-files.ts';
import type { CoverageLeaf } from '../../protocol/leaf.ts';
import { gatewayOptions, heartRate, makeFolder, NOON, openTestGateway, STRAP } from '../support/test-gateway.ts';
import { TestService } from '../support/test-service.ts';

let service: TestService;
let folder: string;
let gateway: Gateway | undefined;
let now: number;
const clock = () => now;

beforeEach(async () => {
  service = await new TestService().start();
  folder = makeFolder();
  now = NOON;
});

afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
  await service.stop();
  rmSync(folder, { recursive: true });
});

/** What was attested of the strap, joined. */
function attested(): string[] {
  const leaves = service.batches
    .flatMap((batch) => batch.leaves)
    .filter((leaf): leaf is CoverageLeaf => leaf.kind === 'coverage' && leaf.from < leaf.to);
  const [first] = leaves;
  const spans: { from: number; to: number; state: string }[] = [];
  for (const { device, from, to, state } of leaves) {
    if (Buffer.compare(device, first!.device) !== 0) continue;
    const last = spans.at(-1);
    if (last?.state === state && last.to === from) last.to = to;
    else spans.push({ from, to, state });
  }
  return spans.map(({ from, to, state }) => `${from - NOON}-${to - NOON} ${state}`);
}

describe('the capacity of the buffer', () => {
  it('refuses new readings when it is used up, says so, keeps what it took, and recovers', async () => {
    const capacityOctets = 20 * 1024;
    gateway = await openTestGateway(folder, service, { clock, capacityOctets });
    await service.stopBroker();
    let taken = 0;
    const hear = async () => {
      now += 1000;
      await gateway!.hear(heartRate(60, now));
      taken++;
    };
    await expect(
      (async () => {
        for (let i = 0; i < 2000; i++) {
          await hear();
          if (i % 20 === 0) await gateway!.flush();
        }
      })(),
    ).rejects.toMatchObject({ code: 'unavailable', retry: 'later' });
    const fullAt = now;
    expect(taken).toBeGreaterThan(30);
    expect(gateway.status().buffer).toMatchObject({ capacityOctets, full: 'capacity', refused: 1 });
    // What is to be said of the gap always fits, however long it lasts.
    for (let i = 0; i < 40; i++) {
      now += 60_000;
      await gateway.flush();
    }
    await expect(hear()).rejects.toMatchObject({ retry: 'later' });
    expect(gateway.status().buffer.usedOctets).toBeLessThan(capacityOctets + 2048);
    await service.startBroker();
    await gateway.settled();
    const gapTo = now;
    expect(gateway.status().buffer).not.toHaveProperty('full');
    await hear();
    await gateway.settled();
    expect(service.readings.length).toBe(taken);
    expect(attested().slice(-2)).toEqual([
      `${fullAt - NOON}-${gapTo - NOON} buffer-overflow`,
      `${gapTo - NOON}-${now - NOON} received`,
    ]);
  });

  it('foretells how long the rest lasts', async () => {
    let real = 0;
    gateway = await openTestGateway(folder, service, { clock, realNow: () => real, capacityOctets: 1024 * 1024 });
    expect(gateway.status().buffer).not.toHaveProperty('lastsMs');
    for (let i = 0; i < 10; i++) {
      real += 60_000;
      await gateway.hear(heartRate(60, NOON + i));
    }
    const { usedOctets, lastsMs } = gateway.status().buffer;
    const rest = 0.75 * 1024 * 1024 - usedOctets;
    // Ten readings in ten minutes, so a tenth of what is used in each.
    const expected = (rest / (usedOctets / 10)) * 60_000;
    expect(lastsMs! / expected).toBeGreaterThan(0.8);
    expect(lastsMs! / expected).toBeLessThan(1.25);
  });
});

describe('a full disk', () => {
  it('is refused cleanly, attested, and over when there is room', async () => {
    await (await openTestGateway(folder, service, { clock })).stop();
    const files = openSecretFiles(join(folder, 'keys'));
    const keys = openKeys(files, false);
    const enrolled = loadEnrolment(files);
    const db: DatabaseSync = openDatabase(join(folder, 'state'), keys.agent);
    const failures: unknown[] = [];
    gateway = await openGateway({
      ...gatewayOptions(folder, service.url),
      db,
      keys,
      files,
      identity: new Identity(db, keys, undefined, enrolled),
      enrolled,
      forgetEnrolled: () => undefined,
      clock,
      realNow: Date.now,
      groupMs: 1,
      capacityOctets: 1024 * 1024,
      publishing: DEFAULT_PUBLISHING,
      log: SILENT,
      onFailure: (error) => failures.push(error),
    });
    await gateway.settled();
    now += 1000;
    const { page_count: pages } = db.prepare('PRAGMA page_count').get() as { page_count: number };
    db.exec(`PRAGMA max_page_count = ${pages}`);
    let taken = 0;
    const fill = async () => {
      for (let i = 0; i < 500; i++, taken++) await gateway!.hear(heartRate(60, now + i));
    };
    await expect(fill()).rejects.toMatchObject({ code: 'unavailable', retry: 'later' });
    expect(gateway.status()).toMatchObject({ failed: false, buffer: { full: 'disk' } });
    now += 5000;
    await gateway.flush().catch(() => undefined);
    expect(gateway.status().failed).toBe(false);
    now += 5000;
    db.exec('PRAGMA max_page_count = 1000000');
    await gateway.hear(heartRate(61, now));
    await gateway.hear(heartRate(62, now));
    now += 1000;
    await gateway.settled();
    expect(gateway.status().buffer).not.toHaveProperty('full');
    expect(service.readings.length).toBe(taken + 2);
    expect(failures).toEqual([]);
    expect(attested().at(-2)).toBe('1000-11000 buffer-overflow');
    expect(attested().at(-1)).toBe('11000-12000 received');
  });
});

describe('causes that the agent can know', () => {
  it('says that a device with an empty battery is off when it falls silent', async () => {
    gateway = await openTestGateway(folder, service, { clock });
    gateway.linkChanged(STRAP, 'subscribed', now);
    const battery = (percent: number) =>
      gateway!.hear({ ...heartRate(0, now), characteristic: 0x2a19, value: Uint8Array.of(percent) });
    await battery(4);
    now += 1000;
    gateway.linkChanged(STRAP, 'lost', now);
    now += 1000;
    gateway.linkChanged(STRAP, 'subscribed', now);
    await battery(95);
    now += 1000;
    gateway.linkChanged(STRAP, 'lost', now);
    now += 1000;
    await gateway.settled();
    expect(attested()).toEqual([
      '0-1000 received',
      '1000-2000 device-off',
      '2000-3000 received',
      '3000-4000 out-of-range',
    ]);
  });

  it('says that there was no link to spare', async () => {
    gateway = await openTestGateway(folder, service, { clock });
    gateway.linkChanged(STRAP, 'heard', now);
    now += 1000;
    gateway.linkChanged(STRAP, 'waiting', now);
    now += 1000;
    await gateway.flush();
    now += 1000;
    gateway.linkChanged(STRAP, 'connected', now);
    now += 1000;
    await gateway.settled();
    expect(attested()).toEqual(['0-1000 silent', '1000-3000 no-link', '3000-4000 silent']);
  });

  it('leaves no hole after a kill: received where a value is durable, off where nobody knows', async () => {
    gateway = await openTestGateway(folder, service, { clock });
    now += 1000;
    await gateway.settled();
    now += 1000;
    await gateway.hear(heartRate(60, now));
    // As a kill leaves it: what is in memory is gone, what is on the disk is not.
    const copy = makeFolder();
    cpSync(folder, copy, { recursive: true });
    await gateway.stop();
    now += 5000;
    gateway = await openAgentGateway({ ...gatewayOptions(copy, service.url), clock });
    await gateway.settled();
    expect(attested()).toEqual(['0-1000 out-of-range', '1000-2000 received', '2000-7000 agent-off']);
    rmSync(copy, { recursive: true });
  });
});
