/** Consent to collect: without it nothing is filed, the agent stops listening, and what was signed before still verifies. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { coverageOf } from '../ingest-service/coverage.ts';
import { fileBatch } from '../ingest-service/file-batch.ts';
import type { HeldBatch } from '../ingest-service/inbox.ts';
import { openServiceKeys } from '../ingest-service/keys.ts';
import { openLogReader } from '../ingest-service/log-reader.ts';
import { splitHashes } from '../ingest-service/receipts.ts';
import { leafSalt, openHeader, readHeader, segmentHashes } from '../protocol/batch.ts';
import { concatBytes } from '../protocol/bytes.ts';
import { signCertificate } from '../protocol/coverage-certificate.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import { encodeId } from '../protocol/keys.ts';
import { decodeLeaf } from '../protocol/leaf.ts';
import { rootOf } from '../protocol/merkle.ts';
import { verifyReceipt } from '../protocol/verify.ts';
import { verifyCoverage } from '../protocol/verify-coverage.ts';
import { MDC } from '../protocol/vital-signs.ts';
import { consentToCollect, type SimulatedPatient } from '../simulators/patients.ts';
import { STRAP } from './support/hostile-messages.ts';
import { openRawAgent } from './support/raw-agent.ts';
import { buildBatch } from './support/receipt-builder.ts';
import { openTestWorld, STARTED_AT, type StrapHome, type TestWorld } from './support/test-world.ts';
import { until } from './support/until.ts';

let world: TestWorld;
let ada: SimulatedPatient;
let ben: SimulatedPatient;
let home: StrapHome;

beforeEach(async () => {
  world = await openTestWorld();
  ada = world.patient('Ada (HTEST)');
  ben = world.patient('Ben (HTEST)');
  await consentToCollect(ada);
  await consentToCollect(ben);
});

afterEach(() => world.close());

async function beats(count: number, strap = 0): Promise<void> {
  for (let i = 0; i < count; i++) await home.beat(60 + (i % 30), strap);
}

function readingsOf(patient: SimulatedPatient) {
  const { segments } = world.service.store;
  return [...segments.readings(world.recordOf(patient), MDC.heartRate, { sort: 'asc' })];
}

describe('revoking collection', () => {
  it('files nothing more, tells the agent, and leaves batches that verify; a new grant resumes', async () => {
    // Batches close when they are asked to.
    home = await world.strapHome('home', [ada, ben], { maxLeaves: 500, maxAgeMs: 600_000 });
    await beats(3, 0);
    await beats(3, 1);
    await home.settle();
    expect([readingsOf(ada).length, readingsOf(ben).length]).toEqual([3, 3]);

    // Heard and pending while Ada revokes: one batch holds what may be filed and what may not.
    await beats(4, 0);
    await beats(4, 1);
    const collect = (await ada.client.consent()).grants.find(({ action }) => action === 'collect')!;
    await ada.client.revoke(collect.id);
    await home.settle();
    expect([readingsOf(ada).length, readingsOf(ben).length]).toEqual([3, 7]);
    const { withheld } = home.agent.status();
    expect(withheld).toBeGreaterThanOrEqual(4);

    // That batch verifies as a whole, and Ben's part of it does to a stranger.
    const { store } = world.service;
    const last = readingsOf(ben).at(-1)!;
    const batch = store.batches.get(last.batch)!;
    expect(batch.withheld).toBe(withheld);
    const { header } = openHeader(batch.signedHeader, store.agents.get(batch.agent)!.publicKey, verifyEd25519);
    expect(rootOf(splitHashes(batch.leafHashes))).toEqual(header.root);
    expect(header.leafCount).toBe(batch.leafHashes.length / 32);
    expect(store.batches.logIndex(batch.id)).toBeTypeOf('number');
    const trust = { log: world.log.key, service: world.service.publicKey };
    for (const [patient, id] of [
      [ben, last.id],
      [ada, readingsOf(ada).at(-1)!.id],
    ] as const) {
      const session = await world.signIn({ role: 'patient', patient: patient.id });
      const receipt = await session.get(`/api/patient/receipts/${id}`);
      expect(verifyReceipt(receipt.body, trust).verdict).toBe('genuine');
    }

    // The agent was told: it has let go of her strap, and nobody hears what that measures.
    const [hers] = home.straps;
    await until('the agent is told', () => !hers!.connected);
    await beats(3, 1);
    expect(await hers!.beat({ heartRate: 66 })).toBe(false);
    await home.settle();
    expect([readingsOf(ada).length, readingsOf(ben).length]).toEqual([3, 10]);

    await consentAgain(ada);
    await beats(2, 0);
    await home.settle();
    expect(readingsOf(ada).map(({ leaf }) => leaf.value)).toEqual(
      [60, 61, 62, 60, 61].map((mantissa) => ({ mantissa, exponent: 0 })),
    );

    // She sees the cause of the gap, and that readings were withheld; nothing is missing without a word.
    const sources = { store, logKey: world.log.key, readLog: openLogReader(join(world.directory, 'log')) };
    const asked = { patient: world.recordOf(ada), from: STARTED_AT, to: home.clock.now() };
    const certificate = await coverageOf(sources, asked, Date.now());
    const verdict = verifyCoverage(signCertificate(certificate, signerOfService()), trust);
    expect(verdict.steps.filter(({ holds }) => !holds)).toEqual([]);
    const [device] = certificate.devices;
    expect(device!.intervals.map(({ state }) => state).slice(-3)).toEqual(['received', 'paused', 'received']);
    expect(verdict.steps.find(({ step }) => step === 'readings')!.says).toMatch(/6 in the record, 4 withheld/);
  });

  const signerOfService = () => openServiceKeys(join(world.directory, 'keys', 'service'), false).signer;

  async function consentAgain({ client }: SimulatedPatient): Promise<void> {
    await client.grant({ action: 'collect', classes: ['heart-rate'], period: { from: 0 } });
  }
});

describe('a batch that waits in the inbox while consent ends', () => {
  it('is filed without its readings', async () => {
    const { store } = world.service;
    const agent = await openRawAgent(world, ada, STRAP);
    const heldBatch = (sequence: number): HeldBatch => {
      const segment = agent.segment(3);
      const [leaves, leafHashes] = [segment.bodies.map(decodeLeaf), segmentHashes(segment)];
      const { signed } = buildBatch(leaves, agent.signer, { sequence, root: rootOf(leafHashes) });
      const kept = segment.bodies.map((body, index) => ({ index, body, salt: leafSalt(segment.key, index) }));
      return {
        signedHeader: signed.signed,
        receivedAt: Date.now(),
        leafHashes: concatBytes(...leafHashes),
        withheld: 0,
        withheldReadings: [],
        segments: [{ saltKey: segment.key, leaves: kept }],
      };
    };
    expect(fileBatch(store, heldBatch(1), Date.now())).toMatchObject({ withheld: 0, filed: { length: 3 } });
    const [collect] = (await ada.client.consent()).grants;
    await ada.client.revoke(collect!.id);
    const waiting = heldBatch(2);
    expect(fileBatch(store, waiting, Date.now())).toMatchObject({ withheld: 3, filed: { length: 0 } });
    expect(readingsOf(ada).length).toBe(3);
    const { id } = readHeader(waiting.signedHeader);
    expect(store.batches.counts(encodeId(id), world.recordOf(ada).id)).toEqual({ doubles: 0, withheld: 3 });
    expect(fileBatch(store, waiting, Date.now())).toBeUndefined(); // there already
    agent.client.end(true);
  });
});
