/** What a network and a broker may do with honest batches: months late, in any order, many times over, all at once. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { NO_BATCH } from '../../protocol/batch.ts';
import { decimalToString, isDecimal } from '../../protocol/decimal.ts';
import { decodeLeaf } from '../../protocol/leaf.ts';
import { batchesTopic } from '../../protocol/topics.ts';
import { audit } from '../../simulators/audit/auditor.ts';
import { formatReport } from '../../simulators/audit/format-report.ts';
import { consentToCollect } from '../../simulators/patients.ts';
import { createRandom, type Random } from '../../simulators/random.ts';
import type { TruthLine } from '../../simulators/scenarios/truth.ts';
import { openRawAgent } from '../support/raw-agent.ts';
import { openTestWorld } from '../support/test-world.ts';
import { seedOf } from './clean.ts';

const STRAP = 'c0:ff:ee:00:0b:01';
const BATCHES = 40;
/** Everything that is not held yet goes out again so often; each time in another order, some of it twice. */
const ROUNDS = 200;

/** Fisher and Yates. */
function shuffled<T>(list: readonly T[], random: Random): T[] {
  const all = [...list];
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all;
}

it('files once what is delivered late, doubled and in any order', async () => {
  const random = createRandom(seedOf('delivery'));
  const folder = mkdtempSync(join(tmpdir(), 'veravita-delivery-'));
  const world = await openTestWorld(join(folder, 'data'));
  const ada = world.patient('Ada Quibblefax (HTEST)');
  await consentToCollect(ada);
  const agent = await openRawAgent(world, ada, STRAP);
  const truth: TruthLine[] = [];
  const envelopes: Uint8Array[] = [];
  let previous: Uint8Array = NO_BATCH;
  let earlier = agent.segment(4);
  for (let sequence = 1; sequence <= BATCHES; sequence++) {
    // Every fifth brings readings that an earlier one has brought, as after a lost confirmation to a wearable.
    const isAgain = sequence % 5 === 0;
    const segment = isAgain ? { ...agent.segment(1), bodies: earlier.bodies } : agent.segment(4);
    earlier = segment;
    for (const body of isAgain ? [] : segment.bodies) {
      const leaf = decodeLeaf(body);
      if (leaf.kind !== 'reading' || leaf.value === undefined || !isDecimal(leaf.value)) throw new Error('no number');
      const n = truth.length / 2;
      truth.push({
        ...{ line: 'measured', n, device: STRAP, address: STRAP, home: 'home', keeps: 'live', raw: [] },
        patient: basename(ada.keyFile, '.json'),
        measuredAt: leaf.heardAt,
        vitals: [{ mdc: leaf.vital, value: decimalToString(leaf.value), unit: leaf.unit }],
      });
      truth.push({ line: 'outcome', n, delivered: true, at: leaf.heardAt });
    }
    const { id, envelope } = await agent.craft({ segments: [segment], header: { sequence, previous } });
    envelopes.push(envelope);
    previous = id;
  }

  const held = () =>
    new Set(agent.acknowledgements.flatMap((word) => (word.outcome === 'held' ? [word.sequence] : []))).size;
  for (let round = 0; round < ROUNDS && held() < BATCHES; round++) {
    const twice = envelopes.filter(() => random() < 0.3);
    const order = shuffled([...envelopes, ...twice], random);
    // Not one after the other: the broker has them all at once.
    await Promise.all(
      order.map((envelope) => agent.client.publishAsync(batchesTopic(agent.id), Buffer.from(envelope), { qos: 1 })),
    );
  }
  expect(held()).toBe(BATCHES);
  const counts = world.service.counters.snapshot();
  expect(counts['batches.duplicate']).toBeGreaterThan(BATCHES);
  expect(counts['batches.refused.sequence-gap']).toBeGreaterThan(0);
  await world.settle();
  agent.client.end(true);
  await world.stop();

  const file = join(folder, 'truth.ndjson');
  writeFileSync(file, truth.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const settings = { data: world.directory, truth: file, zone: 'UTC', keys: [], agents: [], logs: [] };
  const report = await audit(settings, () => undefined);
  expect(report.verdict, formatReport(report)).toBe('clean');
  expect(report.readings).toBe(truth.length / 2);
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});
