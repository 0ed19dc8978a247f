/** Reports over the real broker: users of a device whom nobody knows, claimed by their patient; and what is no report. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPrivateChannel, type PrivateChannel } from '../edge-agent/private-channel.ts';
import type { AgentAction } from '../protocol/agent-action.ts';
import { openCommand } from '../protocol/command.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import { deviceHandle } from '../protocol/keys.ts';
import { type ReportContent, signReport } from '../protocol/report.ts';
import { commandsTopic, reportsTopic } from '../protocol/topics.ts';
import { createPairingClient } from '../simulators/pairing-client.ts';
import type { SimulatedPatient } from '../simulators/patients.ts';
import { openRawAgent, type RawAgent } from './support/raw-agent.ts';
import { openTestWorld, type TestWorld } from './support/test-world.ts';
import { until } from './support/until.ts';

const CUFF = { address: 'c4:00:00:00:00:03', addressType: 'random' } as const;

let world: TestWorld;
let ada: SimulatedPatient;
let ben: SimulatedPatient;
let agent: RawAgent;
let channel: PrivateChannel;
const obeyed: AgentAction[] = [];
let number = 0;

beforeAll(async () => {
  world = await openTestWorld();
  ada = world.patient('Ada (HTEST)');
  ben = world.patient('Ben (HTEST)');
  agent = await openRawAgent(world, ada, CUFF.address);
  channel = await openPrivateChannel(agent.hpkePublicKey, agent.thumb);
  agent.client.on('message', (topic, payload) => {
    if (topic !== commandsTopic(agent.id)) return;
    const command = openCommand(new Uint8Array(payload), world.service.publicKey, verifyEd25519);
    if (command.actions) void channel.openActions(command.actions).then((actions) => obeyed.push(...actions));
  });
  await agent.client.subscribeAsync(commandsTopic(agent.id), { qos: 1 });
  await say({ type: 'hello', hpkePublicKey: channel.publicKey });
});

afterAll(async () => {
  agent.client.end(true);
  await world.close();
});

const boot = new Uint8Array(randomBytes(16));

async function say(content: ReportContent): Promise<void> {
  const report = { agent: agent.thumb, boot, number: ++number, at: Date.now(), content };
  const sealed = await channel.sealReport(signReport(report, agent.signer));
  await agent.client.publishAsync(reportsTopic(agent.id), Buffer.from(sealed), { qos: 1 });
}

describe('measurements of an unknown user', () => {
  it('wait, are shown as a count to patients of the gateway, and are claimed with consent', async () => {
    const [adas, bens] = [ada, ben].map(({ client }) => createPairingClient(client, Date.now));
    await say({ type: 'held', users: [{ ...CUFF, userIndex: 2, count: 3, name: 'HTEST cuff' }] });
    await until('the count is shown', async () => (await adas!.state()).held.length === 1);
    const [held] = (await adas!.state()).held;
    expect(held).toMatchObject({ userIndex: 2, count: 3, name: 'HTEST cuff' });
    expect((await bens!.state()).held).toEqual([]);
    await expect(bens!.claim(agent.id, held!.device, 2)).rejects.toMatchObject({ code: 'not-found' });

    // Ben comes to live there: the same device has another handle in his readings.
    world.service.store.agents.addGateway(agent.id, ben.id);
    const [his] = (await bens!.state()).held;
    expect(his!.device).not.toBe(held!.device);
    await expect(bens!.claim(agent.id, his!.device, 1)).rejects.toMatchObject({ code: 'not-found' });
    await expect(bens!.claim(agent.id, his!.device, 2)).rejects.toMatchObject({ code: 'bad-chain' });
    await bens!.consentTo(his!.device);
    await bens!.claim(agent.id, his!.device, 2);
    await until('the agent is told', () => obeyed.length > 0);
    expect(obeyed).toEqual([{ type: 'claim', ...CUFF, userIndex: 2, subject: ben.subject }]);
    const handle = deviceHandle(ben.subject, CUFF.addressType, CUFF.address);
    expect(world.service.store.agents.maySpeakFor(agent.id, ben.id, handle)).toBe(true);
    await say({ type: 'held', users: [] });
    await until('nothing waits', async () => (await adas!.state()).held.length === 0);
  });
});

describe('what is no report', () => {
  const counts = () => world.service.counters.snapshot();

  it.each([
    ['too short', new Uint8Array(10), 'truncated'],
    ['a batch', new Uint8Array([0x56, 0x56, 0x45, 1, ...new Uint8Array(200)]), 'version'],
    ['too large', new Uint8Array(70_000), 'too-large'],
  ])('is counted and not heard: %s', async (_, payload, code) => {
    const before = counts()[`reports.refused.${code}`] ?? 0;
    await agent.client.publishAsync(reportsTopic(agent.id), Buffer.from(payload), { qos: 1 });
    await until('it is counted', () => counts()[`reports.refused.${code}`] === before + 1);
  });

  it('asks no more of the service than it can bear', async () => {
    const pairing = createPairingClient(ada.client, Date.now);
    const ask = async () => {
      for (let i = 0; i < 60; i++) await pairing.gatewayCode();
    };
    await expect(ask()).rejects.toMatchObject({ code: 'unavailable' });
  });
});
