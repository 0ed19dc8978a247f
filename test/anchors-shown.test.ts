/** How many anchors hold a reading is shown where its other badges are, and told while a page is open. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type AnchorStatus, encodeAnchorStatus } from '../protocol/anchor-status.ts';
import { consentToCollect } from '../simulators/patients.ts';
import { openTestWorld, type StrapHome, type TestWorld } from './support/test-world.ts';
import { until } from './support/until.ts';

let world: TestWorld;
beforeEach(async () => {
  world = await openTestWorld();
});
afterEach(() => world.close());

interface Shown {
  readonly id: string;
  readonly inLog: boolean;
  readonly anchors?: { readonly held: number; readonly of: number };
}

it('shows none without anchors, and k of n with them, as they come', async () => {
  const ada = world.patient('Ada (HTEST)');
  await consentToCollect(ada);
  const home: StrapHome = await world.strapHome('home', [ada]);
  const portal = await world.signIn({ role: 'patient', patient: ada.id });
  const latest = async (): Promise<Shown> => {
    const { latest: all } = JSON.parse((await portal.get('/api/patient/overview')).body);
    return all.find(({ vital }: { vital: string }) => vital === 'heart-rate');
  };
  await home.beat(61);
  await home.settle();
  expect(await latest()).toMatchObject({ inLog: true });
  expect(await latest()).not.toHaveProperty('anchors');
  expect((await portal.get('/log/anchors/status.json')).status).toBe(404);

  const tellAll = (anchors: readonly AnchorStatus[]) => {
    const folder = join(world.directory, 'log', 'anchors');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'status.json'), encodeAnchorStatus(anchors));
  };
  const tell = (...sizes: number[]) => tellAll(sizes.map((size, i) => ({ name: `evm-${i}`, size })));
  const feed = portal.stream('/api/feed');
  await until('the feed is open', () => feed.text.includes(': open'));
  tell(0, 0);
  await until('there are two anchors', async () => (await latest()).anchors?.of === 2);
  await home.beat(62);
  await home.settle();
  const { id, anchors } = await latest();
  expect(anchors).toEqual({ held: 0, of: 2 });
  const size = world.log.head.checkpoint.size;
  tell(size, 0);
  const told = (held: number) =>
    feed.text.split('\n').some((line) => line.includes(id) && line.includes(`"anchors":{"held":${held},"of":2}`));
  await until('the open page hears of one', () => told(1));
  expect((await latest()).anchors).toEqual({ held: 1, of: 2 });
  tell(size, size + 5);
  await until('the open page hears of both', () => told(2));
  expect(JSON.parse((await portal.get('/log/anchors/status.json')).body).anchors).toHaveLength(2);
  expect((await portal.get('/log/anchors/..%2f..%2fkeys.json')).status).toBe(404);

  tellAll([
    { name: 'evm-0', size },
    { name: 'evm-1', size, doubtful: true },
  ]);
  await until('one in doubt counts for nothing', async () => (await latest()).anchors?.held === 1);

  // A status that is broken speaks for no anchor, and stands in nobody's way.
  writeFileSync(join(world.directory, 'log', 'anchors', 'status.json'), '{');
  await until('no anchor is counted', async () => (await latest()).anchors === undefined);
  expect((await portal.get(`/api/patient/receipts/${id}`)).status).toBe(200);
});
