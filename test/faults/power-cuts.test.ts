/** Power cuts where the agent is, where the service is, and of both; a disk that is full. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { readPatientKey } from '../../simulators/keyring.ts';
import { createPatientClient } from '../../simulators/patient-client.ts';
import { until } from '../support/until.ts';
import { auditAnyway, drainAndAudit, seedOf } from './clean.ts';
import { FaultSite } from './fault-site.ts';
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
      await world.cut(4, seed);
      const failed = await auditAnyway(world.site, 5_000);
      expect(failed.some((check) => check === 'no loss' || check === 'anchored once')).toBe(true);
    } finally {
      await world.close();
    }
  });
});

describe.skipIf(why)('a full disk', () => {
  it('is a refusal that agent, patient and operator see, and loses nothing', async () => {
    const disk = new PowerBox(48);
    const site = await FaultSite.open({ directory: disk.directory });
    try {
      site.start();
      site.producer.start();
      await until('it works', () => site.producer.measured > 40 && site.producer.unconfirmed < 20, 60_000);
      const filler = fillDisk(disk.directory);
      // What it cannot keep it refuses, so that the wearable keeps it.
      await until('the agent takes nothing any more', () => site.producer.refused > 0, 150_000);
      // The operator: the writer says each time that it could not write.
      await until('the writer says so', () => site.programs.writer.output.includes('unavailable'), 60_000);
      // The patient: an answer, and not a part of one.
      expect(site.programs.service.isRunning).toBe(true);
      const signer = readPatientKey(join(site.data, 'keys', 'patients', 'ada.json'));
      const client = createPatientClient(site.url, signer, Date.now);
      const { id } = await client.get<{ id: string }>('/api/patient/consent');
      const refusal = client.get(`/fhir/R4/Observation?patient=${id}`);
      await expect(refusal).rejects.toMatchObject({ code: 'unavailable' });
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
