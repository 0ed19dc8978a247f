/**
 * Messages that must not get in. Each is refused with its own counted code, and with a signed refusal where there is
 * somebody to tell; nothing is filed, and the next honest batch goes through on the same connection.
 */
import { connect as connectTcp } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { connect } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeContent } from '../protocol/envelope.ts';
import { acknowledgementsTopic, batchesTopic, commandsTopic, reportsTopic } from '../protocol/topics.ts';
import { consentToCollect, type SimulatedPatient } from '../simulators/patients.ts';
import { HOSTILE, OTHER_STRAP, STRAP } from './support/hostile-messages.ts';
import { openRawAgent, type RawAgent } from './support/raw-agent.ts';
import { openTestWorld, type TestWorld } from './support/test-world.ts';
import { turns, until } from './support/until.ts';

let world: TestWorld;
let ada: SimulatedPatient;
let ben: SimulatedPatient;
let agent: RawAgent;
let other: RawAgent;

beforeAll(async () => {
  world = await openTestWorld();
  ada = world.patient('Ada (HTEST)');
  ben = world.patient('Ben (HTEST)');
  await consentToCollect(ada);
  await consentToCollect(ben);
  agent = await openRawAgent(world, ada, STRAP);
  other = await openRawAgent(world, ben, OTHER_STRAP);
  await agent.sendGood();
  await other.sendGood();
});

afterAll(async () => {
  agent.client.end(true);
  other.client.end(true);
  await world.close();
});

const counts = () => world.service.counters.snapshot();

/** What is in the record, and what is held. */
async function inside() {
  await world.service.caughtUp();
  return { batches: world.countBatches(), held: counts()['batches.held'], readings: counts()['readings.filed'] };
}

describe('a hostile message', () => {
  it.each(HOSTILE)('is refused: $what -> $code', async ({ code, make, says }) => {
    const cast = { agent, other, ada, ben };
    const before = await inside();
    const counted = counts()[`batches.refused.${code}`] ?? 0;
    const heardByOther = other.acknowledgements.length;
    const [payload, topic] = await make(cast);
    const expected = { agent: agent.thumb, outcome: 'refused', code, retry: 'never', ...says?.(cast) };
    expect(await agent.send(payload, topic)).toMatchObject(expected);
    expect(counts()[`batches.refused.${code}`]).toBe(counted + 1);
    expect(await inside()).toEqual(before);

    expect((await agent.sendGood()).answer).toMatchObject({ outcome: 'held', sequence: agent.sequence });
    expect((await inside()).batches).toBe(before.batches + 1);
    expect(agent.closed).toBe(0);
    expect(other.acknowledgements.length).toBe(heardByOther);
  });

  it('that was accepted before gets the same answer as ever, and is filed once', async () => {
    const { envelope } = await agent.sendGood();
    const before = await inside();
    const counted = counts()['batches.duplicate'] ?? 0;
    for (let i = 1; i <= 3; i++) {
      expect(await agent.send(envelope)).toMatchObject({ outcome: 'duplicate', sequence: agent.sequence });
      expect(counts()['batches.duplicate']).toBe(counted + i);
    }
    expect(await inside()).toEqual(before);
  });
});

describe('the same readings in another batch', () => {
  it('are in the record once, and the batch is taken', async () => {
    const segment = agent.segment(5);
    expect((await agent.sendGood({ segments: [segment] })).answer.outcome).toBe('held');
    const before = await inside();
    const doubles = counts()['readings.doubles'] ?? 0;
    expect((await agent.sendGood({ segments: [segment] })).answer.outcome).toBe('held');
    expect(await inside()).toMatchObject({ batches: before.batches + 1, readings: before.readings });
    expect(counts()['readings.doubles']).toBe(doubles + 5);
  });
});

describe('a stranger', () => {
  const options = { reconnectPeriod: 0, connectTimeout: 5000 };
  const credentials = () => ({ clientId: agent.id, username: agent.id, password: agent.password });
  const attempt = async (more: object) => {
    const client = connect(world.service.brokerUrl, { ...options, ...more });
    client.on('error', () => undefined);
    const outcome = await new Promise<string>((resolve) => {
      client.once('connect', () => resolve('connected'));
      client.once('close', () => resolve('closed'));
    });
    await client.endAsync(true);
    return outcome;
  };

  it.each([
    ['without a name', () => ({ username: undefined, password: undefined })],
    ['with an unknown name', () => ({ clientId: 'a'.repeat(52), username: 'a'.repeat(52) })],
    ['with the credential of another agent', () => ({ password: other.password })],
    ['without a credential', () => ({ password: undefined })],
  ])('%s gets no connection, and is counted', async (_, changes) => {
    const counted = counts()['batches.refused.unknown-agent'] ?? 0;
    expect(await attempt({ ...credentials(), ...changes() })).toBe('closed');
    expect(counts()['batches.refused.unknown-agent']).toBe(counted + 1);
  });

  it('cannot leave a will', async () => {
    const will = { topic: batchesTopic(other.id), payload: Buffer.from('x'), qos: 1, retain: true } as const;
    expect(await attempt({ ...credentials(), will })).toBe('closed');
    expect(counts()['mqtt.refused.will']).toBe(1);
  });

  it.each([
    ['packet of 2 MiB that is no message', Buffer.from([0x10, 0x80, 0x80, 0x80, 0x01])],
    ['length of five octets', Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01])],
  ])('is cut off with a %s', async (_, bytes) => {
    const counted = counts()['mqtt.refused.packet'] ?? 0;
    const socket = connectTcp(Number(new URL(world.service.brokerUrl).port), '127.0.0.1');
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(bytes);
    await closed;
    expect(counts()['mqtt.refused.packet']).toBe(counted + 1);
  });
});

describe('an agent', () => {
  it('hears nobody else, by no topic', async () => {
    for (const topic of [
      '#',
      'veravita/#',
      batchesTopic(other.id),
      acknowledgementsTopic(other.id),
      commandsTopic('+' as never),
    ]) {
      const [granted] = await agent.client.subscribeAsync(topic, { qos: 1 }).catch(() => [{ qos: 128 }]);
      expect(granted!.qos, topic).toBe(128);
    }
    const heard = agent.acknowledgements.length;
    await other.sendGood();
    await turns();
    expect(agent.acknowledgements.length).toBe(heard);
  });

  it('reaches nobody else, and leaves nothing behind', async () => {
    const opened = other.acknowledgements.length;
    const unreadable = other.unreadable + agent.unreadable;
    const foreign = [acknowledgementsTopic(other.id), commandsTopic(other.id), reportsTopic(other.id)];
    for (const topic of [...foreign, acknowledgementsTopic(agent.id)]) {
      const heard = agent.acknowledgements.length;
      await agent.client.publishAsync(topic, Buffer.from('not signed'), { qos: 1, retain: true });
      await until('the refusal', () => agent.acknowledgements.length > heard);
      expect(agent.acknowledgements.at(-1)).toMatchObject({ outcome: 'refused', code: 'wrong-topic' });
    }
    await agent.client.unsubscribeAsync(acknowledgementsTopic(agent.id));
    await agent.client.subscribeAsync(acknowledgementsTopic(agent.id));
    expect((await agent.sendGood()).answer.outcome).toBe('held');
    expect((await other.sendGood()).answer.outcome).toBe('held');
    expect(other.acknowledgements.length).toBe(opened + 1);
    expect(other.unreadable + agent.unreadable).toBe(unreadable);
  });

  it('cannot end the connection of another by taking its name', async () => {
    const client = connect(world.service.brokerUrl, {
      reconnectPeriod: 0,
      username: agent.id,
      password: agent.password,
      clientId: other.id,
    });
    client.on('error', () => undefined);
    await new Promise<void>((resolve) => client.once('close', () => resolve()));
    expect((await other.sendGood()).answer.outcome).toBe('held');
    expect(other.closed).toBe(0);
  });
});

it('takes no memory for two hundred of them', { timeout: 60_000 }, async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const used = async () => {
    await turns();
    gc();
    await turns();
    gc();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const round = async () => {
    for (const { make } of HOSTILE) {
      const [payload, topic] = await make({ agent, other, ada, ben });
      await agent.send(payload, topic);
      agent.acknowledgements.length = 0;
    }
  };
  await round();
  const before = await used();
  for (let sent = 0; sent < 200; sent += HOSTILE.length) await round();
  const grown = (await used()) - before;
  expect(grown).toBeLessThan(8 * 1024 * 1024);
  expect((await agent.sendGood()).answer.outcome).toBe('held');
});

it('checks the limit in the test itself: an honest batch of ten thousand leaves is held', async () => {
  const plain = encodeContent({ signedHeader: new Uint8Array(), segments: [agent.segment(10_000)] });
  expect(plain.length).toBeLessThan(8 * 1024 * 1024);
  expect((await agent.sendGood({ segments: [agent.segment(10_000)] })).answer.outcome).toBe('held');
});
