/** A bad network, processes that stand still, clocks that jump by years. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { drainAndAudit, seedOf } from './clean.ts';
import { FaultSite } from './fault-site.ts';
import { openWrongClocks, playNetwork, stopAndContinue } from './weathers.ts';

it('survives partitions, latency, cuts, resets and a slow line between agent and broker', async () => {
  const { site, proxy } = await playNetwork(25, seedOf('network'));
  try {
    const report = await drainAndAudit(site);
    expect(report.readings).toBe(site.producer.measured);
    expect(proxy.connections).toBeGreaterThan(4);
  } finally {
    await proxy.close();
    await site.close();
  }
});

it('survives to stand still at any moment', async () => {
  const site = await FaultSite.open();
  try {
    await stopAndContinue(site, 12, seedOf('stop and continue'));
    await drainAndAudit(site);
  } finally {
    await site.close();
  }
});

it('survives clocks of agent and service that jump by years, forward and back', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'veravita-clocks-'));
  const { site, jump } = await openWrongClocks(folder);
  try {
    await jump(12, seedOf('clocks'));
    const report = await drainAndAudit(site);
    expect(report.readings).toBe(site.producer.measured);
  } finally {
    await site.close();
    rmSync(folder, { recursive: true });
  }
});
