/** Least privilege at the broker: every agent, every topic and pattern, both ways. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acknowledgementsTopic, batchesTopic, commandsTopic, reportsTopic } from '../protocol/topics.ts';
import { consentToCollect } from '../simulators/patients.ts';
import { openRawAgent, type RawAgent } from './support/raw-agent.ts';
import { openTestWorld, type TestWorld } from './support/test-world.ts';
import { turns, until } from './support/until.ts';

const KINDS = {
  batches: batchesTopic,
  reports: reportsTopic,
  acknowledgements: acknowledgementsTopic,
  commands: commandsTopic,
};
type Kind = keyof typeof KINDS;
const COUNT = 3;

let world: TestWorld;
const agents: RawAgent[] = [];
/** What a client got on topics that are not its own; nothing, ever. */
const strays: string[] = [];

beforeAll(async () => {
  world = await openTestWorld();
  for (let i = 0; i < COUNT; i++) {
    const patient = world.patient(`Patient ${'abc'[i]} (HTEST)`);
    await consentToCollect(patient);
    const agent = await openRawAgent(world, patient, `c4:00:00:00:00:0${i + 1}`);
    await agent.client.subscribeAsync(commandsTopic(agent.id), { qos: 1 });
    agent.client.on('message', (topic) => {
      if (![acknowledgementsTopic(agent.id), commandsTopic(agent.id)].includes(topic)) strays.push(topic);
    });
    agents.push(agent);
  }
});

afterAll(async () => {
  for (const agent of agents) agent.client.end(true);
  await world.close();
});

/** Patterns that reach further than one topic, and topics that are nobody's. */
const PATTERNS = (other: RawAgent, own: RawAgent): string[] => [
  '#',
  '+/#',
  'veravita/#',
  'veravita/v1/#',
  'veravita/v1/+/batches',
  'veravita/v1/+/acknowledgements',
  'veravita/v1/+/commands',
  `veravita/v1/${other.id}/#`,
  `veravita/v1/${other.id}/+`,
  `veravita/v1/${own.id}/#`,
  `veravita/v1/${own.id}/+`,
  `+/v1/${own.id}/acknowledgements`,
  '$share/all/#',
  `$share/all/${acknowledgementsTopic(other.id)}`,
  `$share/all/${acknowledgementsTopic(own.id)}`,
  `$queue/${commandsTopic(other.id)}`,
  '$SYS/#',
  'veravita/nowhere',
  `/${acknowledgementsTopic(own.id)}`,
  `${acknowledgementsTopic(own.id)}/`,
  acknowledgementsTopic(own.id).toUpperCase(),
];

async function isGranted(agent: RawAgent, topic: string): Promise<boolean> {
  const [granted] = await agent.client.subscribeAsync(topic, { qos: 1 }).catch(() => [{ qos: 128 }]);
  return granted!.qos < 128;
}

describe.each([0, 1, 2])('agent %i', (i) => {
  it.each(Object.keys(KINDS) as Kind[])(
    'subscribes to its own acknowledgements and commands alone: %s',
    async (kind) => {
      for (const [j, owner] of agents.entries()) {
        const mayRead = i === j && (kind === 'acknowledgements' || kind === 'commands');
        expect(await isGranted(agents[i]!, KINDS[kind](owner.id)), `${i} reads ${kind} of ${j}`).toBe(mayRead);
      }
    },
  );

  it('subscribes to no pattern', async () => {
    const [own, other] = [agents[i]!, agents[(i + 1) % COUNT]!];
    for (const pattern of PATTERNS(other, own)) expect(await isGranted(own, pattern), pattern).toBe(false);
  });

  it('publishes to its own batches and reports alone', async () => {
    const own = agents[i]!;
    const counted = () => world.service.counters.snapshot()['batches.refused.wrong-topic'] ?? 0;
    for (const owner of agents) {
      for (const kind of Object.keys(KINDS) as Kind[]) {
        const mayWrite = owner === own && (kind === 'batches' || kind === 'reports');
        const [before, heard] = [counted(), own.acknowledgements.length];
        await own.client.publishAsync(KINDS[kind](owner.id), Buffer.from('nothing'), { qos: 1 });
        if (mayWrite) continue; // looked at, and refused for what it says
        await until('the refusal', () => own.acknowledgements.length > heard);
        expect(own.acknowledgements.at(-1)).toMatchObject({ outcome: 'refused', code: 'wrong-topic' });
        expect(counted(), `to ${kind}`).toBe(before + 1);
      }
    }
    expect((await own.sendGood()).answer.outcome).toBe('held');
  });
});

it('and nobody ever heard what is not theirs', async () => {
  await turns();
  expect(strays).toEqual([]);
});
