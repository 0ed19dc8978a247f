/** Reports over the real broker: users of a device whom nobody knows, claimed by their patient; and what is no report. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPrivateChannel, type PrivateChannel } from '../edge-agent/private-channel.ts';
import type { AgentAction } from '../protocol/agent-action.ts';
import { openCommand } from '../protocol/command.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import { deviceHandle } from '../protocol/keys.ts';
import type { PairingFailure } from '../protocol/pairing-failure.ts';
import { type PairingLinkState, type ReportContent, signReport } from '../protocol/report.ts';
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

let boot = new Uint8Array(randomBytes(16));

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

describe('a wearable with a passkey', () => {
  const METER = { address: 'c4:00:00:00:00:04', addressType: 'random' } as const;
  const link = (state: PairingLinkState, failure?: PairingFailure) =>
    say({ type: 'link', ...METER, state, ...(failure && { failure }) });

  it('is asked for it, told it in private, and explained when it fails', async () => {
    const [adas, bens] = [ada, ben].map(({ client }) => createPairingClient(client, Date.now));
    const phase = async () => (await adas!.pairing(device))?.phase;
    await adas!.scan(agent.id);
    const name = 'A&D_UA-651BLE HTEST';
    const heard = { ...METER, name, kind: 'blood-pressure', profile: 'a-and-d-cuff', rssi: -50, heardAt: 1 } as const;
    await say({ type: 'found', devices: [heard] });
    await until('it is found', async () => (await adas!.found(agent.id)).length === 1);
    const [found] = await adas!.found(agent.id);
    expect(found).toMatchObject({ name, title: 'A&D UA-651BLE blood pressure monitor', kind: 'blood-pressure' });
    const { device } = found!;
    // Ben has not asked this gateway to look around, and sees nothing of what it found.
    expect((await bens!.state()).scans).toEqual([]);

    await adas!.consentTo(device);
    await adas!.pair(agent.id, device);
    expect(await phase()).toBe('asking');
    await expect(adas!.passkey(device, 123)).rejects.toMatchObject({ code: 'not-found' });
    await link('connecting');
    await link('passkey-needed');
    await until('the passkey is asked for', async () => (await phase()) === 'passkey');
    expect((await bens!.state()).pairings).toEqual([]);
    await adas!.passkey(device, 123);
    await until('the agent has it', () => obeyed.some(({ type }) => type === 'passkey'));
    expect(obeyed.at(-1)).toEqual({ type: 'passkey', ...METER, passkey: 123 });

    await link('failed', 'wrong-passkey');
    await until('it failed', async () => (await phase()) === 'failed');
    const { failure } = (await adas!.pairing(device))!;
    expect(failure!.words[0]).toMatch(/six digits/);
    expect(failure!.words.join(' ')).toMatch(/Enter all six digits, leading zeros too/);

    // Proven without a reading is not paired.
    await adas!.pair(agent.id, device);
    expect(await phase()).toBe('asking');
    await link('bonded');
    await until('it has to come back', async () => (await phase()) === 'reconnecting');
    await link('proven');
    await until('a reading is awaited', async () => (await phase()) === 'first-reading');
  });

  it('can be chosen again after it failed, also by who shares it', async () => {
    await adas().scan(agent.id);
    const heard = { ...METER, kind: 'blood-pressure', profile: 'generic', rssi: -50, heardAt: 2 } as const;
    await say({ type: 'found', devices: [heard] });
    await until('it is heard', async () => (await adas().found(agent.id))[0]?.heardAt === new Date(2).toISOString());
    const [found] = await adas().found(agent.id);
    expect(found!.paired).toBe(true);
    await link('failed', 'not-again');
    await until('it failed', async () => (await adas().pairing(found!.device))?.phase === 'failed');
    expect((await adas().found(agent.id))[0]).toMatchObject({ device: found!.device, paired: false });

    const bens = createPairingClient(ben.client, Date.now);
    await say({ type: 'held', users: [{ ...METER, userIndex: 2, count: 1 }] });
    await until('the count is shown', async () => (await bens.state()).held.length === 1);
    const [held] = (await bens.state()).held;
    await bens.consentTo(held!.device);
    await bens.claim(agent.id, held!.device, 2);
    await adas().pair(agent.id, found!.device);
    await bens.unpair(held!.device);
  });

  it('goes on after the gateway fell in the middle of it', async () => {
    const { device } = (await adas().state()).pairings[0]!;
    const phase = async () => (await adas().pairing(device))?.phase;
    await link('connecting');
    await until('it connects', async () => (await phase()) === 'connecting');
    let counted = obeyed.length;
    const assigned = () => obeyed.slice(counted).filter(({ type }) => type === 'assign').length;
    // The same start on a new connection knows what it does.
    await say({ type: 'hello', hpkePublicKey: channel.publicKey });
    await until('it is told what it may have missed', () => obeyed.length > counted);
    expect(assigned()).toBe(0);
    counted = obeyed.length;
    boot = new Uint8Array(randomBytes(16));
    await say({ type: 'hello', hpkePublicKey: channel.publicKey });
    await until('it is told again', () => assigned() === 1);
    expect(await phase()).toBe('asking');
  });

  it('is told again when the gateway comes back', async () => {
    const counted = obeyed.length;
    await adas().unpair((await adas().state()).pairings[0]!.device);
    await until('it is let go', () => obeyed.length > counted);
    await say({ type: 'hello', hpkePublicKey: channel.publicKey });
    await until('it is told again', () => obeyed.slice(counted).filter(({ type }) => type === 'unassign').length > 1);
  });

  const adas = () => createPairingClient(ada.client, Date.now);
});

describe('a gateway whose key is none', () => {
  it('is not connected, and nothing is left of what was asked of it', async () => {
    const bens = createPairingClient(ben.client, Date.now);
    await say({ type: 'held', users: [{ ...CUFF, userIndex: 3, count: 1 }] });
    await until('the count is shown', async () => (await bens.state()).held.some(({ userIndex }) => userIndex === 3));
    const { device } = (await bens.state()).held.find(({ userIndex }) => userIndex === 3)!;
    await bens.unpair(device);
    await say({ type: 'hello', hpkePublicKey: new Uint8Array(32) });
    await until('it is of no use', async () => {
      const refused = await bens.scan(agent.id).catch((error: unknown) => error);
      return (refused as { code?: string }).code === 'unavailable';
    });
    await bens.consentTo(device);
    await expect(bens.claim(agent.id, device, 3)).rejects.toMatchObject({ code: 'unavailable' });
    expect((await bens.state()).paired).toEqual([]);
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
