/** Backlogs drain whole after the service and its broker were killed; how fast is for `npm run bench:drain` to say. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { measureStorm } from '../../bench/reconnect-storm.ts';
import { openServiceProcess, type ServiceProcess } from '../../bench/service-process.ts';
import { READINGS_A_SECOND } from '../../bench/week-messages.ts';
import { measureWeek } from '../../bench/week-offline.ts';

let folder: string;
let service: ServiceProcess;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'veravita-drain-'));
  service = await openServiceProcess(join(folder, 'data'));
});

afterEach(async () => {
  await service.kill();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

it('of many agents that come back at once', { timeout: 180_000 }, async () => {
  const settings = { agents: 16, backlog: 40 };
  const result = await measureStorm(service, join(folder, 'data'), settings, () => undefined);
  expect(result).toMatchObject({ sent: 16 * 45, filed: 16 * 45, doubled: 0 });
  expect(result.batches).toBeGreaterThanOrEqual(16);
});

it('of one agent that was long without a network', { timeout: 180_000 }, async () => {
  const seconds = 600;
  const result = await measureWeek(service, join(folder, 'data'), join(folder, 'agent'), seconds, () => undefined);
  expect(result).toMatchObject({ sent: seconds * READINGS_A_SECOND, filed: seconds * READINGS_A_SECOND });
});
