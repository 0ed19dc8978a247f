/**
 * Messages that must not get in. Each is refused with its own counted code, and with a signed refusal where there is
 * somebody to tell; nothing is filed, and the next honest batch goes through on the same connection.
 */
import { randomBytes } from 'node:crypto';
import { connect as connectTcp } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { deflateRawSync } from 'node:zlib';
import { connect } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createContentSealer } from '../edge-agent/seal.ts';
import { concatBytes } from '../protocol/bytes.ts';
import { encodeContent } from '../protocol/envelope.ts';
import type { FaultCode } from '../protocol/fault.ts';
import { deviceHandle } from '../protocol/keys.ts';
import { acknowledgementsTopic, batchesTopic, commandsTopic } from '../protocol/topics.ts';
import { consentToCollect, type SimulatedPatient } from '../simulators/patients.ts';
import { newSigner, openRawAgent, type RawAgent } from './support/raw-agent.ts';
import { openTestWorld, type TestWorld } from './support/test-world.ts';
import { turns, until } from './support/until.ts';

const STRAP = 'c4:00:00:00:00:01';
const OTHER_STRAP = 'c4:00:00:00:00:02';

/** 64 KiB that would be 64 MiB. */
const BOMB = deflateRawSync(new Uint8Array(64 * 1024 * 1024));

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

interface Hostile {
  readonly what: string;
  readonly code: FaultCode;
  /** Payload, and topic where it is not the agent's own. */
  readonly make: () => Promise<readonly [Uint8Array, string?]>;
  /** More that the refusal says. */
  readonly says?: () => object;
}

const only = async (crafted: Promise<{ envelope: Uint8Array }>) => [(await crafted).envelope] as const;

const HOSTILE: readonly Hostile[] = [
  {
    what: 'a good batch on the topic of another agent',
    code: 'wrong-topic',
    make: async () => [(await agent.craft()).envelope, batchesTopic(other.id)],
  },
  {
    what: 'a topic that is none',
    code: 'wrong-topic',
    make: async () => [(await agent.craft()).envelope, 'veravita/v1/batches'],
  },
  { what: 'an envelope of another agent', code: 'wrong-topic', make: () => only(other.craft()) },
  {
    what: 'a header that names another agent',
    code: 'wrong-topic',
    make: () => only(agent.craft({ header: { agent: other.thumb } })),
  },
  {
    what: 'a header signed with another key',
    code: 'bad-signature',
    make: () => only(agent.craft({ signer: newSigner() })),
  },
  {
    what: 'another root under a good signature',
    code: 'wrong-root',
    make: () => only(agent.craft({ header: { root: new Uint8Array(randomBytes(32)) } })),
    says: () => ({ sequence: agent.sequence + 1 }),
  },
  {
    what: 'fewer leaves than the header says',
    code: 'wrong-root',
    make: () => only(agent.craft({ header: { leafCount: 4 } })),
  },
  {
    what: 'another batch of a sequence that was taken',
    code: 'forked',
    make: () => only(agent.craft({ header: { sequence: agent.sequence } })),
    says: () => ({ sequence: agent.sequence }),
  },
  {
    what: 'a next batch that follows another one',
    code: 'forked',
    make: () => only(agent.craft({ header: { previous: new Uint8Array(32).fill(1) } })),
  },
  {
    what: 'a gap in the sequence',
    code: 'sequence-gap',
    make: () => only(agent.craft({ header: { sequence: agent.sequence + 3 } })),
    says: () => ({ retry: 'later', expected: agent.sequence + 1 }),
  },
  {
    what: 'an envelope sealed to another key',
    code: 'wrong-key',
    make: async () => only(agent.craft({ sealContent: await createContentSealer(x25519Key()) })),
  },
  {
    what: 'a flipped bit in the ciphertext',
    code: 'encrypted',
    make: async () => {
      const { envelope } = await agent.craft();
      envelope[envelope.length - 40]! ^= 1;
      return [envelope];
    },
  },
  {
    what: 'an envelope cut in its ciphertext',
    code: 'encrypted',
    make: async () => [(await agent.craft()).envelope.slice(0, -1)],
  },
  {
    what: 'an envelope cut in its frame',
    code: 'truncated',
    make: async () => [(await agent.craft()).envelope.slice(0, 60)],
  },
  { what: 'nothing at all', code: 'truncated', make: async () => [new Uint8Array()] },
  { what: 'noise', code: 'version', make: async () => [new Uint8Array(randomBytes(500))] },
  { what: 'a message of 2 MiB', code: 'too-large', make: async () => [new Uint8Array(2 * 1024 * 1024)] },
  {
    what: 'an envelope one octet over its limit',
    code: 'too-large',
    make: async () => [
      concatBytes((await agent.craft()).envelope, new Uint8Array(1024 * 1024)).slice(0, 1024 * 1024 + 1),
    ],
  },
  {
    what: 'content that inflates to 64 MiB',
    code: 'too-large',
    make: () => only(agent.craft({ deflated: () => BOMB })),
  },
  {
    what: 'content that does not inflate',
    code: 'malformed',
    make: () => only(agent.craft({ deflated: () => new Uint8Array([0xff, 0xff, 0xff]) })),
  },
  {
    what: 'content that is no batch',
    code: 'malformed',
    make: () => only(agent.craft({ plaintext: () => new Uint8Array([0x80]) })),
  },
  {
    what: 'content with something after its end',
    code: 'malformed',
    make: () => only(agent.craft({ plaintext: (honest) => concatBytes(honest, new Uint8Array(1)) })),
  },
  {
    what: 'arrays in arrays without end',
    code: 'malformed',
    make: () => only(agent.craft({ plaintext: () => new Uint8Array(1_000_000).fill(0x81) })),
  },
  {
    what: 'a patient for whom the agent may not speak',
    code: 'wrong-subject',
    make: () =>
      only(
        agent.craft({ segments: [agent.segment(2, ben.subject, deviceHandle(ben.subject, 'random', OTHER_STRAP))] }),
      ),
  },
  {
    what: 'a device that is not assigned',
    code: 'wrong-subject',
    make: () => only(agent.craft({ segments: [agent.segment(2, ada.subject, new Uint8Array(16))] })),
  },
  {
    what: 'leaves out of order',
    code: 'bad-leaf',
    make: () => {
      const segment = agent.segment();
      return only(agent.craft({ segments: [{ ...segment, bodies: segment.bodies.toReversed() }] }));
    },
  },
  {
    what: 'one vital sign under two salt keys',
    code: 'bad-leaf',
    make: () => only(agent.craft({ segments: [agent.segment(2), { ...agent.segment(2), start: 2 }] })),
  },
  {
    what: 'a leaf that is none',
    code: 'bad-leaf',
    make: () => {
      const segment = agent.segment();
      return only(agent.craft({ segments: [{ ...segment, bodies: [...segment.bodies, new Uint8Array([0xa0])] }] }));
    },
  },
];

function x25519Key(): Uint8Array {
  return new Uint8Array(randomBytes(32)).fill(0, 31);
}

describe('a hostile message', () => {
  it.each(HOSTILE)('is refused: $what -> $code', async ({ code, make, says }) => {
    const before = await inside();
    const counted = counts()[`batches.refused.${code}`] ?? 0;
    const heardByOther = other.acknowledgements.length;
    const [payload, topic] = await make();
    const expected = { agent: agent.thumb, outcome: 'refused', code, retry: 'never', ...says?.() };
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
    for (const topic of [acknowledgementsTopic(other.id), commandsTopic(other.id), acknowledgementsTopic(agent.id)]) {
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
      const [payload, topic] = await make();
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
