/** Power cuts where the agent is, where the service is, and of both; a disk that is full. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../protocol/fault.ts';
import { readPatientKey } from '../../simulators/keyring.ts';
import { createPatientClient } from '../../simulators/patient-client.ts';
import { until } from '../support/until.ts';
import { auditAnyway, drainAndAudit, seedOf } from './clean.ts';
import { FaultSite, PROGRAMS } from './fault-site.ts';
import { PowerBox, whyNoPowerCuts } from './power-box.ts';
import { openPowerSite } from './power-cuts.ts';
import { fillDisk } from './weathers.ts';

const CUTS = Number(process.env.VERAVITA_CUTS ?? 12);
const why = whyNoPowerCuts();
if (why) console.info(`no power cuts and no full disk: ${why}`);

describe.skipIf(why)('without power', () => {
  it(`loses, doubles and invents nothing through ${CUTS} cuts`, async () => {
    const seed = seedOf('power cuts');
    const world = await openPowerSite();
    try {
      const cut = await world.cut(CUTS, seed);
      const report = await drainAndAudit(world.site);
      expect(report.readings).toBe(world.site.producer.measured);
      expect(report.readings).toBeGreaterThan(CUTS);
      console.info(`power cuts: ${JSON.stringify(cut)}, ${report.readings} readings`);
    } finally {
      await world.close();
    }
  });

  it('catches a store that does not sync its commits', async () => {
    const seed = seedOf('synchronous=NORMAL');
    const weak = { preload: ['./weak-durability.ts'] };
    const world = await openPowerSite({ agent: weak, service: weak, writer: weak });
    try {
      await world.cut(4, seed, 40);
      const failed = await auditAnyway(world.site, 5_000);
      expect(failed.some((check) => check === 'no loss' || check === 'anchored once')).toBe(true);
    } finally {
      await world.close();
    }
  });
});

describe.skipIf(why)('a full disk', () => {
  it('is a refusal that wearable and patient see, and loses nothing', async () => {
    const disk = new PowerBox(48);
    const site = await FaultSite.open({ directory: disk.directory });
    try {
      site.start();
      await Promise.all(PROGRAMS.map((name) => site.programs[name].whenReady()));
      site.producer.start();
      await until('it works', () => site.producer.measured > 40 && site.producer.unconfirmed < 20, 60_000);
      const signer = readPatientKey(join(site.data, 'keys', 'patients', 'ada.json'));
      const client = createPatientClient(site.url, signer, Date.now);
      const { id } = await client.get<{ id: string }>('/api/patient/consent');
      const ask = () => client.get<{ entry?: object[] }>(`/fhir/R4/Observation?patient=${id}`);
      await until('something is filed', async () => ((await ask()).entry ?? []).length > 0, 60_000);
      const filler = fillDisk(disk.directory);
      // What it cannot keep the agent refuses, so that the wearable keeps it.
      await until('the agent takes nothing any more', () => site.producer.refused > 0, 150_000);
      // Nothing is shown that cannot be noted; blocks that were taken before may serve for a few notes.
      const refusalOf = () =>
        ask().then(
          () => undefined,
          (error: Fault) => error.code,
        );
      await until('the patient is told', async () => (await refusalOf()) === 'unavailable', 60_000);
      expect(site.programs.service.isRunning).toBe(true);
      await pause(300);
      rmSync(filler);
      const report = await drainAndAudit(site);
      expect(report.readings).toBe(site.producer.measured);
    } finally {
      await site.close();
      disk.close();
    }
  });
});
