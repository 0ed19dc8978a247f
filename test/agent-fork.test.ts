/** An agent's key signs two histories: the evidence is kept, nothing more is taken, and people decide. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { listAgents, unfreeze } from '../ingest-service/agent-operator.ts';
import { checkRowSums } from '../ingest-service/record/row-sums.ts';
import { openHeader } from '../protocol/batch.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import { decodeEnvelope } from '../protocol/envelope.ts';
import { readFolder, scan } from '../simulators/audit/canary-scan.ts';
import { consentToCollect, type SimulatedPatient } from '../simulators/patients.ts';
import { OTHER_STRAP, STRAP } from './support/hostile-messages.ts';
import { openRawAgent, type RawAgent } from './support/raw-agent.ts';
import { openTestWorld, type TestWorld } from './support/test-world.ts';
import { until } from './support/until.ts';

let world: TestWorld;
let ada: SimulatedPatient;
let agent: RawAgent;
let other: RawAgent;

beforeEach(async () => {
  world = await openTestWorld();
  ada = world.patient('Ada (HTEST)');
  await consentToCollect(ada);
  agent = await openRawAgent(world, ada, STRAP);
  other = await openRawAgent(world, ada, OTHER_STRAP);
  for (let i = 0; i < 2; i++) await agent.sendGood();
});

afterEach(async () => {
  agent.client.end(true);
  other.client.end(true);
  await world.close();
});

const about = () => listAgents({ data: world.directory, json: true }).find((each) => each.agent === agent.id)!;

it.each([
  ['another batch of a sequence that was taken', () => ({ sequence: 2 }), 2],
  ['a next batch that follows another one', () => ({ previous: new Uint8Array(32).fill(1) }), 3],
])('%s freezes it', async (_, changes, sequence) => {
  const good = await agent.sendGood();
  const forged = await agent.craft({ header: { ...changes(), ...(sequence === 3 && { sequence: 4 }) } });
  const answer = await agent.send(forged.envelope);
  expect(answer).toMatchObject({ outcome: 'refused', code: 'forked', retry: 'never' });
  expect(world.service.counters.snapshot()['agents.frozen']).toBe(1);
  expect(about()).toMatchObject({ state: 'frozen', forks: 1 });

  // Both headers, each signed by the key, and the envelope as it came.
  const [fork] = world.service.store.suspects.forksOf(agent.id);
  const [ours, theirs] = [fork!.takenHeader!, fork!.header].map((signed) =>
    openHeader(signed, agent.signer.publicKey, verifyEd25519),
  );
  expect(theirs!.id).toEqual(forged.id);
  expect(ours!.id).not.toEqual(theirs!.id);
  expect(decodeEnvelope(fork!.envelope).agent).toEqual(agent.thumb);

  // A next batch that is right in every respect is not taken; what was taken is still acknowledged, and nobody else suffers.
  const next = await agent.craft();
  expect(await agent.send(next.envelope)).toMatchObject({ outcome: 'refused', code: 'frozen', retry: 'later' });
  expect(await agent.send(good.envelope)).toMatchObject({ outcome: 'duplicate', sequence: 3 });
  expect((await other.sendGood()).answer.outcome).toBe('held');

  // Frozen across a restart: the state is in the record.
  expect(world.service.store.suspects.frozenSince(agent.id)).toBeGreaterThan(0);
  unfreeze({ data: world.directory, agent: agent.id });
  expect(() => unfreeze({ data: world.directory, agent: agent.id })).toThrow('not frozen');
  expect(await agent.send(next.envelope)).toMatchObject({ outcome: 'held', sequence: 4 });
  expect(about()).toMatchObject({ state: 'active', forks: 1 });
});

it('keeps so much evidence and no more', async () => {
  for (let i = 0; i < 12; i++) {
    const forged = await agent.craft({ header: { sequence: 1 + (i % 2) } });
    expect((await agent.send(forged.envelope)).code).toBe('forked');
  }
  expect(about()).toMatchObject({ state: 'frozen', forks: 8 });
});

it('keeps no envelope of a patient who is erased, and the headers that prove the fork', async () => {
  const ben = world.patient('Ben (HTEST)');
  await consentToCollect(ben);
  const bens = await openRawAgent(world, ben, 'c4:00:00:00:00:03');
  await bens.sendGood();
  const [hers, his] = [await forge(agent), await forge(bens)];
  const { store } = world.service;
  const before = store.suspects.forksOf(agent.id)[0]!;
  expect(before.envelope).toEqual(hers);
  // The octets that are this envelope's own are looked for.
  const needle = decodeEnvelope(hers).encapsulated.slice(0, 16);
  const sought = (patient: SimulatedPatient) => store.patientRows.needles(world.recordOf(patient));
  expect(sought(ada)).toContainEqual(needle);
  expect(sought(ben)).not.toContainEqual(needle);

  await ada.client.erase();
  expect(store.suspects.forksOf(agent.id)).toEqual([{ ...before, envelope: new Uint8Array() }]);
  expect(store.suspects.forksOf(bens.id)[0]!.envelope).toEqual(his);
  await until('it is certified', () => store.erasures.all().some(({ number }) => number > 0));
  const canary = { what: 'envelope', bytes: Buffer.from(needle) };
  expect(
    scan(
      readFolder(join(world.directory, 'service'), () => false),
      [canary],
    ),
  ).toEqual([]);
  // Nor of a fork that is found later.
  await forge(agent);
  expect(store.suspects.forksOf(agent.id).map(({ envelope }) => envelope.length)).toEqual([0, 0]);
  const record = new DatabaseSync(join(world.directory, 'service', 'record.sqlite'), { readOnly: true });
  expect(checkRowSums(record)).toEqual([]);
  record.close();
  await bens.client.endAsync();
});

async function forge(by: RawAgent): Promise<Uint8Array> {
  const { envelope } = await by.craft({ header: { sequence: 1 } });
  expect((await by.send(envelope)).code).toBe('forked');
  return envelope;
}

it('tells of a gap until it is filled, and takes what fills it', async () => {
  const missing = await agent.craft();
  const later = await agent.craft({ header: { sequence: 4, previous: missing.id } });
  const gap = { outcome: 'refused', code: 'sequence-gap', retry: 'later', expected: 3 };
  expect(await agent.send(later.envelope)).toMatchObject(gap);
  expect(about()).toMatchObject({ state: 'active', waitsFor: 3 });
  expect(await agent.send(missing.envelope)).toMatchObject({ outcome: 'held' });
  expect(about().waitsFor).toBeUndefined();
  expect(await agent.send(later.envelope)).toMatchObject({ outcome: 'held' });
});
