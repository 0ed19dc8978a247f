/** kill -9 of agent, service and ledger writer, at random and at single system calls, some of which fail instead. */
import { afterEach, describe, expect, it } from 'vitest';
import { createRandom } from '../../simulators/random.ts';
import { auditAnyway, drainAndAudit, seedOf } from './clean.ts';
import { FaultSite, PROGRAMS } from './fault-site.ts';
import { killAtRandom } from './kills.ts';
import { CALLS, type CallKind, harmOnce, whyNoStrace } from './syscalls.ts';

const KILLS = Number(process.env.VERAVITA_KILLS ?? 50);

let site: FaultSite | undefined;
afterEach(async () => {
  await site?.close();
  site = undefined;
});

it(`loses, doubles and invents nothing through ${KILLS} kills`, async () => {
  const seed = seedOf('kills');
  site = await FaultSite.open();
  const killed = await killAtRandom(site, { kills: KILLS, seed });
  expect(Object.values(killed).reduce((sum, n) => sum + n, 0)).toBe(KILLS);
  const report = await drainAndAudit(site);
  expect(report.readings).toBe(site.producer.measured);
  expect(report.readings).toBeGreaterThan(KILLS);
  console.info(`kills: ${JSON.stringify(killed)}, ${report.readings} readings`);
});

it('catches a service that acknowledges before it is durable', async () => {
  const seed = seedOf('acknowledged too early');
  site = await FaultSite.open({ launch: { service: { preload: ['./early-acknowledgement.ts'] } } });
  await killAtRandom(site, { kills: 12, seed, only: ['service'] });
  expect(await auditAnyway(site, 8_000)).toContain('no loss');
});

const noStrace = whyNoStrace();
if (noStrace) console.info(`no harm at single system calls: ${noStrace}`);

describe.skipIf(noStrace)('at single system calls', () => {
  const KINDS = Object.keys(CALLS) as CallKind[];

  it('survives to be killed at any of them', async () => {
    const random = createRandom(seedOf('killed at a call'));
    site = await FaultSite.open();
    let fell = 0;
    for (const name of PROGRAMS) {
      for (const kind of KINDS) {
        const nth = 1 + Math.floor(random() * (kind === 'rename' ? 2 : 12));
        if (await harmOnce(site, name, kind, nth, 'SIGKILL')) fell++;
      }
    }
    expect(fell).toBeGreaterThan(4);
    await drainAndAudit(site);
  });

  it('refuses and recovers when one fails', async () => {
    const random = createRandom(seedOf('a call fails'));
    site = await FaultSite.open();
    for (const name of PROGRAMS) {
      await harmOnce(site, name, 'fsync', 1 + Math.floor(random() * 12), 'EIO');
      await harmOnce(site, name, 'write', 20 + Math.floor(random() * 60), 'ENOSPC');
    }
    await drainAndAudit(site);
  });
});
