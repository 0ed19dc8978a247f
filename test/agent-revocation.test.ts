/**
 * A revoked agent, over the real broker and beside a running service: its connection ends, what it delivers later waits for
 * people, and receipts tell what was before, what was let in, and what is neither.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAgentGateway } from '../edge-agent/agent.ts';
import { decideBatches, listAgents, listQuarantine, revoke } from '../ingest-service/agent-operator.ts';
import { openLogReader } from '../ingest-service/log-reader.ts';
import { receiptFor } from '../ingest-service/receipts.ts';
import { encodeBase64Url, encodeUtf8 } from '../protocol/bytes.ts';
import { toBeSigned } from '../protocol/cose.ts';
import { encodeReceipt, type Receipt } from '../protocol/receipt.ts';
import { verifyReceipt } from '../protocol/verify.ts';
import { consentToCollect, type SimulatedPatient } from '../simulators/patients.ts';
import { STRAP } from './support/hostile-messages.ts';
import { connectRawAgent, openRawAgent, type RawAgent } from './support/raw-agent.ts';
import { STRAP as GATEWAY_STRAP, gatewayOptions, heartRate, makeFolder, NOON } from './support/test-gateway.ts';
import { openTestWorld, type TestWorld } from './support/test-world.ts';
import { until } from './support/until.ts';

let world: TestWorld;
let ada: SimulatedPatient;
let agent: RawAgent;
const MAIN = fileURLToPath(new URL('../ingest-service/main.ts', import.meta.url));
const HEART_RATE = 147842;

beforeAll(async () => {
  world = await openTestWorld();
  ada = world.patient('Ada (HTEST)');
  await consentToCollect(ada);
  agent = await openRawAgent(world, ada, STRAP);
});

afterAll(async () => {
  agent.client.end(true);
  await world.close();
});

const readings = () => [...world.service.store.segments.readings(world.recordOf(ada), HEART_RATE, { sort: 'asc' })];
const receiptOf = (reading: ReturnType<typeof readings>[number]) =>
  receiptFor(
    { store: world.service.store, readLog: openLogReader(join(world.directory, 'log')), logKey: world.log.key },
    reading,
  );
const verdictOf = (receipt: Receipt) =>
  verifyReceipt(encodeReceipt(receipt), { log: world.log.key, service: world.service.publicKey });
const keysStepOf = (receipt: Receipt) => verdictOf(receipt).steps.find(({ step }) => step === 'keys')!.says;
const about = () => listAgents({ data: world.directory, json: true }).find((each) => each.agent === agent.id);

/** A batch that the agent sends on its chain, whatever the answer. */
async function sendNext(sequence: number, previous: Uint8Array) {
  const crafted = await agent.craft({ header: { sequence, previous } });
  return { ...crafted, answer: await agent.send(crafted.envelope) };
}

it('is cut off at once, and nothing is lost, filed or decided without people', async () => {
  const first = await agent.sendGood();
  expect(first.answer.outcome).toBe('held');
  await world.service.caughtUp();
  expect(readings()).toHaveLength(3);

  const revokedAt = performance.now();
  const name = revoke({ data: world.directory, agent: agent.id, reason: 'stolen (HTEST)' }, Date.now);
  expect(name).toBe(agent.id);
  expect(() => revoke({ data: world.directory, agent: agent.id, reason: 'again' }, Date.now)).toThrow('already');
  await until('the connection to end', () => agent.closed === 1);
  expect(performance.now() - revokedAt).toBeLessThan(5000);

  // What it signed before, as far as anybody can tell: it comes, is kept, and is not filed.
  await connectRawAgent(world, agent);
  const second = await sendNext(2, first.answer.batch!);
  expect(second.answer).toMatchObject({ outcome: 'refused', code: 'quarantined', retry: 'later', sequence: 2 });
  const third = await sendNext(3, second.id);
  const fourth = await sendNext(4, third.id);
  expect([third, fourth].map(({ answer }) => answer.code)).toEqual(['quarantined', 'quarantined']);
  expect(await agent.send(second.envelope)).toMatchObject({ outcome: 'refused', code: 'quarantined' });
  expect(await agent.send(first.envelope)).toMatchObject({ outcome: 'duplicate', sequence: 1 });
  expect((await agent.send((await agent.craft({ header: { sequence: 9 } })).envelope)).code).toBe('sequence-gap');
  await world.service.caughtUp();
  expect(readings()).toHaveLength(3);
  expect(about()).toMatchObject({ state: 'revoked', filed: 1, quarantined: 3, waitsFor: 5 });

  // It waits across a restart of the service.
  agent.client.end(true);
  await world.stop();
  world = await openTestWorld(world.directory);
  await connectRawAgent(world, agent);
  expect(await agent.send(third.envelope)).toMatchObject({ code: 'quarantined' });
  const waiting = listQuarantine({ data: world.directory, json: true });
  expect(waiting.map(({ sequence, leaves }) => [sequence, leaves])).toEqual([
    [2, 3],
    [3, 3],
    [4, 3],
  ]);

  const heard = agent.acknowledgements.length;
  const decide = (batch: string, decision: 'accepted' | 'rejected') =>
    decideBatches({ data: world.directory, batch, decision }, Date.now);
  expect(decide(waiting[0]!.batch, 'accepted')).toBe(1);
  expect(decide(waiting[1]!.batch, 'rejected')).toBe(1);
  expect(() => decide(waiting[1]!.batch, 'accepted')).toThrow('no such batch waits');
  await until('both answers', () => agent.acknowledgements.length === heard + 2);
  expect(agent.acknowledgements.slice(heard)).toMatchObject([
    { outcome: 'duplicate', sequence: 2 },
    { outcome: 'refused', code: 'rejected', retry: 'never', sequence: 3 },
  ]);
  expect(await agent.send(second.envelope)).toMatchObject({ outcome: 'duplicate', sequence: 2 });
  expect(await agent.send(third.envelope)).toMatchObject({ outcome: 'refused', code: 'rejected' });
  await until('the second to be filed', () => readings().length === 6);
  expect(about()).toMatchObject({ quarantined: 1, rejected: 1, filed: 2 });
  // The tombstone: a header, and no body.
  expect(world.service.store.quarantine.get(waiting[1]!.batch)).toEqual(
    expect.not.objectContaining({ held: expect.anything() }),
  );
  expect(world.service.counters.snapshot()).toMatchObject({ 'quarantine.accepted': 1, 'quarantine.rejected': 1 });
});

it('leaves receipts of before genuine, and those of what was let in say so', async () => {
  await world.settle();
  await until('the places in the log', () => world.service.store.commitments.countUnlogged() === 0);
  const [before, , , admitted] = readings();
  const old = await receiptOf(before!);
  expect(old.keyHistory).toHaveLength(1);
  expect(verdictOf(old).verdict).toBe('genuine');
  expect(keysStepOf(old)).toContain('revoked later');

  const late = await receiptOf(admitted!);
  expect(late.keyHistory).toHaveLength(2);
  expect(verdictOf(late).verdict).toBe('genuine');
  expect(keysStepOf(late)).toContain('decision of people');
  const withoutAdmission = { ...late, keyHistory: late.keyHistory!.slice(0, 1) };
  expect(verdictOf(withoutAdmission).verdict).toBe('altered');
});

it('does not let the key be enrolled again', async () => {
  const code = world.service.createEnrolmentCode([]);
  const { signer } = agent;
  const proof = encodeBase64Url(signer.sign(toBeSigned('enrolment', encodeUtf8(code))));
  const response = await fetch(`${world.service.url}/agent/enrolment`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code, publicKey: encodeBase64Url(signer.publicKey), proof }),
  });
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([401, 'revoked']);
});

it('is told so: its backlog waits there and here, until people have decided', async () => {
  const ben = world.patient('Ben (HTEST)');
  await consentToCollect(ben);
  const code = world.service.createEnrolmentCode([{ patient: ben.id, address: GATEWAY_STRAP, addressType: 'random' }]);
  const folder = makeFolder();
  const nowhere = 'mqtt://127.0.0.1:1';
  const offline = await openAgentGateway({ ...gatewayOptions(folder, world.service.url, code), brokerUrl: nowhere });
  for (const at of [0, 1000]) {
    await offline.hear(heartRate(70, NOON + at));
    await offline.flush();
  }
  await offline.stop();
  revoke({ data: world.directory, agent: offline.id, reason: 'sold (HTEST)' }, Date.now);

  const gateway = await openAgentGateway({
    ...gatewayOptions(folder, world.service.url),
    brokerUrl: world.service.brokerUrl,
  });
  const sealed = gateway.status().sealed;
  await until('the backlog to wait', () => gateway.status().waiting >= sealed);
  await expect(gateway.settled()).rejects.toMatchObject({ code: 'quarantined' });
  expect(gateway.wants(GATEWAY_STRAP)).toBe(false); // it listens no more
  expect([...world.service.store.segments.readings(world.recordOf(ben), HEART_RATE, { sort: 'asc' })]).toEqual([]);

  const waiting = gateway.status().waiting;
  const decided = { data: world.directory, agent: gateway.id, decision: 'accepted' } as const;
  expect(decideBatches(decided, Date.now)).toBe(waiting);
  await until('the word on all of it', () => gateway.status().outbox === 0);
  // The decision is durable, and the agent may hear of it before its effect is.
  const filed = () =>
    [...world.service.store.segments.readings(world.recordOf(ben), HEART_RATE, { sort: 'asc' })].length;
  await until('all of it to be filed', () => filed() === 2);
  await gateway.stop();
  rmSync(folder, { recursive: true });
});

describe('the operator', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [MAIN, ...args, '--data', world.directory], { encoding: 'utf8' });

  it('sees each agent and all that needs people, as lines and as JSON', () => {
    const lines = run('agents');
    expect(lines.status).toBe(0);
    expect(lines.stdout).toContain(`${agent.id}  REVOKED  filed through 2  waits for batch 5`);
    const listed = JSON.parse(run('agents', '--json').stdout) as { agent: string }[];
    expect(listed.find((each) => each.agent === agent.id)).toMatchObject({
      state: 'revoked',
      quarantined: 1,
      forks: 0,
    });
    expect(JSON.parse(run('quarantine', '--json').stdout)).toHaveLength(1);
  });

  it('is told all that is wrong with a command, and what cannot be done', () => {
    const wrong = run('revoke-agent', '--agent', 'x', '--port', '1');
    expect([wrong.status, wrong.stderr.trim().split('\n').length]).toEqual([2, 3]);
    expect(run('accept').status).toBe(2);
    const again = run('revoke-agent', '--agent', agent.id, '--reason', 'again');
    expect([again.status, again.stderr]).toEqual([1, 'ingest: it is revoked already\n']);
    const stranger = run('rotate', '--agent', 'a'.repeat(52));
    expect([stranger.status, stranger.stderr]).toEqual([1, 'ingest: there is no such agent; "agents" lists them\n']);
  });
});
