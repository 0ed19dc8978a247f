/** A new key of an agent at the service, over the real broker: what the old one may still do, and what nobody may. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAgentGateway } from '../edge-agent/agent.ts';
import { openPrivateChannel } from '../edge-agent/private-channel.ts';
import { scrubAgent } from '../edge-agent/scrub.ts';
import { createContentSealer } from '../edge-agent/seal.ts';
import { unfreeze, wishRotation } from '../ingest-service/agent-operator.ts';
import { NO_BATCH } from '../protocol/batch.ts';
import { decodeHex, encodeBase64Url } from '../protocol/bytes.ts';
import type { Signer } from '../protocol/cose.ts';
import { verifyErasureCertificate } from '../protocol/erasure-certificate.ts';
import { type Rotation, signRotation } from '../protocol/key-event.ts';
import { decodeId } from '../protocol/keys.ts';
import { encodeLeaf } from '../protocol/leaf.ts';
import { type ReportContent, signReport } from '../protocol/report.ts';
import { batchesTopic, reportsTopic } from '../protocol/topics.ts';
import { MDC } from '../protocol/vital-signs.ts';
import { consentToCollect, type SimulatedPatient } from '../simulators/patients.ts';
import { BAD_KEYS, forgedRotation } from './support/bad-keys.ts';
import { STRAP } from './support/hostile-messages.ts';
import { connectRawAgent, newSigner, openRawAgent, RawAgent } from './support/raw-agent.ts';
import { STRAP as GATEWAY_STRAP, gatewayOptions, heartRate, makeFolder, NOON } from './support/test-gateway.ts';
import { openTestWorld, type TestWorld } from './support/test-world.ts';
import { until } from './support/until.ts';

const SCRUB = fileURLToPath(new URL('../ingest-service/scrub-main.ts', import.meta.url));
const PASSWORD = encodeBase64Url(new Uint8Array(32).fill(9));

let world: TestWorld;
let ada: SimulatedPatient;
let agent: RawAgent;
let next: RawAgent;

beforeEach(async () => {
  world = await openTestWorld();
  ada = world.patient('Ada (HTEST)');
  await consentToCollect(ada);
  agent = await openRawAgent(world, ada, STRAP);
  next = new RawAgent(ada, STRAP);
  next.hpkePublicKey = agent.hpkePublicKey;
  next.sealContent = await createContentSealer(agent.hpkePublicKey);
  next.password = PASSWORD;
});

afterEach(async () => {
  agent.client.end(true);
  next.client?.end(true);
  await world.close();
});

interface Answer {
  readonly status: number;
  readonly code?: string;
  readonly keyEvent?: string;
}

type Terms = Pick<Rotation, 'lastSequence' | 'lastBatch'>;

async function ask({ lastSequence, lastBatch }: Terms, to: Signer = next.signer, from: Signer = agent.signer) {
  const credentialHash = new Uint8Array(createHash('sha256').update(PASSWORD).digest());
  const signed = signRotation({ lastSequence, lastBatch, at: Date.now(), credentialHash }, from, to);
  return { signed, answer: await post(signed) };
}

async function post(signed: Uint8Array): Promise<Answer> {
  const response = await fetch(`${world.service.url}/agent/rotation`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ rotation: encodeBase64Url(signed) }),
  });
  return { status: response.status, ...((await response.json()) as object) };
}

const wish = () => wishRotation({ data: world.directory, agent: agent.id }, Date.now);

describe('after a rotation', () => {
  it('the backlog of the old key is taken first, the new key goes on, and the old one is done', async () => {
    const good = await agent.sendGood();
    const backlog = await agent.craft();
    wish();
    const { signed, answer } = await ask({ lastSequence: 2, lastBatch: backlog.id });
    expect(answer.status).toBe(200);
    expect(await post(signed)).toEqual(answer); // the same, however often
    await until('the old connection to end', () => agent.closed === 1);
    await expect(connectRawAgent(world, agent)).rejects.toThrow('refused');

    await connectRawAgent(world, next);
    const third = await next.craft({ header: { sequence: 3, previous: backlog.id } });
    const gap = { outcome: 'refused', code: 'sequence-gap', expected: 2, agent: next.thumb };
    expect(await next.send(third.envelope)).toMatchObject(gap);
    const old = batchesTopic(agent.id);
    expect(await next.send(backlog.envelope, old)).toMatchObject({ outcome: 'held', sequence: 2, agent: agent.thumb });
    expect(await next.send(third.envelope)).toMatchObject({ outcome: 'held', sequence: 3, agent: next.thumb });
    expect(await next.send(good.envelope, old)).toMatchObject({ outcome: 'duplicate', sequence: 1 });

    // The old key is bound by its own word, also for whoever copied it.
    const beyond = await agent.craft({ header: { sequence: 3, previous: backlog.id } });
    expect(await next.send(beyond.envelope, old)).toMatchObject({ outcome: 'refused', code: 'forked' });
    const fourth = await next.craft({ header: { sequence: 4, previous: third.id } });
    expect(await next.send(fourth.envelope)).toMatchObject({ outcome: 'held', sequence: 4 });
    const other = await next.craft({ header: { sequence: 2 } });
    expect(await next.send(other.envelope)).toMatchObject({ outcome: 'refused', code: 'forked' });
  });

  it('of a key that had signed nothing, the next one begins the chain', async () => {
    wish();
    expect((await ask({ lastSequence: 0, lastBatch: NO_BATCH })).answer.status).toBe(200);
    await connectRawAgent(world, next);
    expect((await next.sendGood()).answer).toMatchObject({ outcome: 'held', sequence: 1 });
  });

  it('the new key corrects what the old one said, and a stranger still does not', async () => {
    await agent.sendGood();
    const second = await agent.sendGood();
    await world.settle();
    const { store } = world.service;
    const [reading] = store.segments.readings(world.recordOf(ada), MDC.heartRate, { sort: 'asc' });
    const { subject, device, test, heardAt } = reading!.leaf;
    const where = { subject, device, test, batch: decodeId(reading!.batch), index: reading!.index };
    const correction = { kind: 'correction', reason: 'device-fault', correctedAt: heardAt, act: 'withdraw' } as const;
    const bodies = [encodeLeaf({ ...correction, ...where })];
    const segments = [{ key: new Uint8Array(32).fill(5), start: 0, bodies }];
    const corrections = () => store.corrections.ofReading(world.recordOf(ada), reading!.batch, reading!.index);
    wish();
    expect((await ask({ lastSequence: 2, lastBatch: second.answer.batch! })).answer.status).toBe(200);

    const stranger = await openRawAgent(world, ada, STRAP);
    expect((await stranger.sendGood({ segments })).answer.outcome).toBe('held');
    await world.settle();
    expect(corrections()).toEqual([]);
    stranger.client.end(true);

    await connectRawAgent(world, next);
    const third = await next.craft({ segments, header: { sequence: 3, previous: second.answer.batch! } });
    expect((await next.send(third.envelope)).outcome).toBe('held');
    await world.settle();
    expect(corrections().map(({ by, correction: { act } }) => [by, act])).toEqual([['agent', 'withdraw']]);
  });

  it('who may pair with the agent, and what was unpaired, goes over to the new name', async () => {
    const { agents } = world.service.store;
    wish();
    await ask({ lastSequence: 0, lastBatch: NO_BATCH });
    expect(agents.agentsOf(ada.id)).toEqual([next.id]);
    expect(agents.pairedOf(ada.id).map((paired) => paired.agent)).toEqual([next.id]);
    expect(agents.patientsOf(next.id)).toEqual([ada.id]);
    expect(agents.nextCommandNumber(next.id)).toBeGreaterThan(1);
  });
});

describe('a rotation is refused', () => {
  it('that nobody asked for, that hides a batch, of a stranger, and of a frozen key', async () => {
    const good = await agent.sendGood();
    const honest = { lastSequence: 1, lastBatch: good.answer.batch! };
    expect((await ask(honest)).answer).toMatchObject({ status: 401, code: 'not-permitted' });
    wish();
    for (const terms of [
      { lastSequence: 0, lastBatch: NO_BATCH },
      { lastSequence: 1, lastBatch: new Uint8Array(32).fill(1) },
    ]) {
      expect((await ask(terms)).answer).toMatchObject({ status: 401, code: 'forked' });
    }
    expect((await ask(honest, next.signer, newSigner())).answer).toMatchObject({ code: 'unknown-agent' });
    const forged = await agent.craft({ header: { sequence: 1 } });
    expect((await agent.send(forged.envelope)).code).toBe('forked');
    expect((await ask(honest)).answer).toMatchObject({ status: 503, code: 'frozen' });
    unfreeze({ data: world.directory, agent: agent.id });
    expect((await ask(honest)).answer.status).toBe(200);
    // Once it is done, no second one follows the same key.
    expect((await ask(honest, newSigner())).answer).toMatchObject({ status: 401, code: 'revoked' });
  });
});

describe('a key that no honest machine makes', () => {
  const post = (path: string, body: object) =>
    fetch(`${world.service.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }).then(async (response) => ((await response.json()) as Answer).code);

  it('is taken neither at enrolment nor at rotation', async () => {
    wish();
    const code = world.service.createEnrolmentCode([]);
    for (const [what, hex] of Object.entries(BAD_KEYS)) {
      const key = decodeHex(hex);
      const proof = encodeBase64Url(new Uint8Array(64));
      expect(await post('/agent/enrolment', { code, publicKey: encodeBase64Url(key), proof }), what).toBe('wrong-key');
      const rotation = encodeBase64Url(forgedRotation(agent.signer.publicKey, key, agent.signer));
      expect(await post('/agent/rotation', { rotation }), what).toBe('wrong-key');
    }
    expect(world.service.store.keyEvents.successionOf(agent.id)).toBeUndefined();
  });
});

describe('an erasure and a new key', () => {
  async function verdict(erasure: string) {
    const text = await ada.client.certificate(erasure).catch(() => undefined);
    if (text === undefined) return undefined;
    return verifyErasureCertificate(text, { log: world.log.key, service: world.service.publicKey });
  }

  it('that follows it: the new name confirms for the old one, and what both still bring is withheld', async () => {
    await agent.sendGood();
    const backlog = await agent.craft();
    const erasure = await ada.client.erase();
    await until('it is certified', async () => (await verdict(erasure)) !== undefined);
    wish();
    expect((await ask({ lastSequence: 2, lastBatch: backlog.id })).answer.status).toBe(200);
    await connectRawAgent(world, next);
    const old = batchesTopic(agent.id);
    expect(await next.send(backlog.envelope, old)).toMatchObject({ outcome: 'held', withheld: 3 });
    const straggler = await next.craft({ header: { sequence: 3, previous: backlog.id } });
    expect(await next.send(straggler.envelope)).toMatchObject({ outcome: 'held', withheld: 3 });

    const [told] = world.service.store.erasures.ofAgent(next.id);
    const channel = await openPrivateChannel(next.hpkePublicKey, next.thumb);
    const contents: ReportContent[] = [
      { type: 'hello', hpkePublicKey: channel.publicKey },
      { type: 'erased', id: told!.id },
    ];
    for (const [number, content] of contents.entries()) {
      const report = {
        agent: next.thumb,
        boot: new Uint8Array(16).fill(1),
        number: number + 1,
        at: Date.now(),
        content,
      };
      const sealed = await channel.sealReport(signReport(report, next.signer));
      await next.client.publishAsync(reportsTopic(next.id), Buffer.from(sealed), { qos: 1 });
    }
    await until('nothing is pending', async () => {
      const now = await verdict(erasure);
      return now?.verdict === 'genuine' && now.certificate!.agents.length === 1;
    });
  });

  it('that it follows: the last batches of the old key are withheld too', async () => {
    await agent.sendGood();
    const backlog = await agent.craft();
    wish();
    expect((await ask({ lastSequence: 2, lastBatch: backlog.id })).answer.status).toBe(200);
    await ada.client.erase();
    await connectRawAgent(world, next);
    const answer = await next.send(backlog.envelope, batchesTopic(agent.id));
    expect(answer).toMatchObject({ outcome: 'held', withheld: 3 });
  });
});

it('leaves nothing that a scrubber finds wrong, at the agent and at the service', { timeout: 60_000 }, async () => {
  const ben = world.patient('Ben (HTEST)');
  await consentToCollect(ben);
  const code = world.service.createEnrolmentCode([{ patient: ben.id, address: GATEWAY_STRAP, addressType: 'random' }]);
  const folder = makeFolder();
  const gateway = await openAgentGateway(gatewayOptions(folder, world.service.url, code));
  const before = gateway.id;
  await gateway.hear(heartRate(60, NOON));
  await gateway.flush();
  wishRotation({ data: world.directory, agent: before }, Date.now);
  await until('the new name', () => gateway.id !== before, 20_000);
  await gateway.hear(heartRate(61, NOON + 1000));
  await gateway.settled();
  await gateway.stop();
  expect(scrubAgent(join(folder, 'state'), join(folder, 'keys'))).toEqual([]);
  rmSync(folder, { recursive: true });
  await world.stop();
  const scrubbed = spawnSync(process.execPath, [SCRUB, '--data', world.directory], { encoding: 'utf8' });
  expect([scrubbed.status, scrubbed.stdout]).toEqual([0, expect.stringMatching(/ 0 wrong$/m)]);
});
