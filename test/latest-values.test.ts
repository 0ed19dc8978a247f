/** What is shown as the newest value of a vital sign, after batches of an agent that are all in order. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { QualityFlag } from '../protocol/gatt/quality.ts';
import { deviceHandle } from '../protocol/keys.ts';
import { encodeLeaf, type ReadingLeaf } from '../protocol/leaf.ts';
import { instantToWallClock } from '../protocol/time.ts';
import { createPairingClient } from '../simulators/pairing-client.ts';
import type { SimulatedPatient } from '../simulators/patients.ts';
import { openRawAgent, type RawAgent } from './support/raw-agent.ts';
import { readingLeaves } from './support/receipt-builder.ts';
import { openTestWorld, STARTED_AT, type TestWorld } from './support/test-world.ts';

const STRAP = 'c4:00:00:00:00:07';
const MINUTE = 60_000;

let world: TestWorld;
let ada: SimulatedPatient;
let agent: RawAgent;

beforeAll(async () => {
  world = await openTestWorld();
  ada = world.patient('Ada (HTEST)');
  agent = await openRawAgent(world, ada, STRAP);
  const device = deviceHandle(ada.subject, 'random', STRAP);
  await createPairingClient(ada.client, Date.now).consentTo(Buffer.from(device).toString('hex'));
});

afterAll(async () => {
  agent.client.end(true);
  await world.close();
});

/** A heart rate that arrives at a minute of the day. */
async function arrives(
  rate: number,
  minute: number,
  flags: readonly QualityFlag[] = [],
  time: Partial<ReadingLeaf> = {},
): Promise<void> {
  const [leaf] = readingLeaves({
    characteristic: 0x2a37,
    hex: `06${rate.toString(16)}`,
    heardAt: STARTED_AT + minute * MINUTE,
  });
  const device = deviceHandle(ada.subject, 'random', STRAP);
  const body = encodeLeaf({ ...leaf!, subject: ada.subject, device, flags, ...time });
  const segments = [{ key: new Uint8Array(randomBytes(32)), start: 0, bodies: [body] }];
  expect((await agent.sendGood({ segments })).answer).toMatchObject({ outcome: 'held', withheld: 0 });
  await world.settle();
}

async function shown(): Promise<(string | undefined)[]> {
  const { latest } = await ada.client.get<{ latest: { value: string }[] }>('/api/patient/overview');
  return latest.map(({ value }) => value);
}

it('is no demonstration, and nothing that may be old in place of what was measured at a known time', async () => {
  await arrives(61, 1, ['time-unknown']);
  expect(await shown()).toEqual(['61']);
  await arrives(62, 2, ['clock-ahead']);
  expect(await shown()).toEqual(['62']);
  await arrives(63, 0);
  expect(await shown()).toEqual(['63']);
  await arrives(64, 5, ['time-unknown']);
  await arrives(65, 6, ['clock-not-set']);
  await arrives(66, 7, ['demonstration']);
  await arrives(67, 8, ['test']);
  expect(await shown()).toEqual(['63']);
  const ahead = { measuredBy: 'device', measuredAt: STARTED_AT + 9_000 * MINUTE } as const;
  await arrives(60, 8, [], { ...ahead, deviceClock: instantToWallClock(ahead.measuredAt, 0), zoneMin: 0 });
  expect(await shown()).toEqual(['63']);
  await arrives(68, 9);
  expect(await shown()).toEqual(['68']);
});
