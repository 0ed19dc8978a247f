/** What an agent obeys and what it ignores, with the real service's sealing on the other side. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Assignments } from '../../edge-agent/assignments.ts';
import { Collect } from '../../edge-agent/collect.ts';
import { Commands } from '../../edge-agent/commands.ts';
import { openDatabase } from '../../edge-agent/database.ts';
import type { AssignedDevice } from '../../edge-agent/observe.ts';
import { openPrivateChannel, type PrivateChannel } from '../../edge-agent/private-channel.ts';
import { type AgentVoices, createAgentVoices } from '../../ingest-service/agent-voice.ts';
import { createUnsealer } from '../../ingest-service/unseal.ts';
import type { AgentAction } from '../../protocol/agent-action.ts';
import { type Command, signCommand } from '../../protocol/command.ts';
import type { Signer } from '../../protocol/cose.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { agentIdOf, deviceHandle, thumbprint } from '../../protocol/keys.ts';
import { type ReportContent, signReport } from '../../protocol/report.ts';
import { PARTIES, signerOf } from '../support/receipt-builder.ts';

const NOW = 1_800_000_000_000;
const { service } = PARTIES;
const secret = new Uint8Array(32).fill(5);
const [ada, ben] = [new Uint8Array(32).fill(0xa1), new Uint8Array(32).fill(0xb2)];
const strap = { address: 'c0:00:00:00:00:01', addressType: 'random' } as const;
const cuff = { address: 'c0:00:00:00:00:02', addressType: 'random' } as const;
const handleOf = (subject: Uint8Array, { address, addressType }: typeof strap | typeof cuff) =>
  deviceHandle(subject, addressType, address);

/** An agent with one enrolled strap of Ada's. */
interface Side {
  readonly signer: Signer;
  readonly agent: Uint8Array;
  readonly folder: string;
  readonly db: DatabaseSync;
  readonly channel: PrivateChannel;
  readonly assignments: Assignments;
  readonly commands: Commands;
}

const sides: Side[] = [];
let hpkePublicKey: Uint8Array;
let voices: AgentVoices;
let one: Side;
let other: Side;
let number = 0;
let wants = 0;

async function openSide(seed: number, folder = mkdtempSync(join(tmpdir(), 'veravita-commands-'))): Promise<Side> {
  const signer = signerOf(seed);
  const agent = thumbprint(signer.publicKey);
  const db = openDatabase(folder, agent);
  const channel = await openPrivateChannel(hpkePublicKey, agent);
  const enrolled: AssignedDevice = { ...strap, subject: ada, device: handleOf(ada, strap) };
  const assignments = new Assignments(db, new Uint8Array(32).fill(6), new Map([[strap.address, enrolled]]));
  const commands = new Commands({
    erase: () => undefined,
    db,
    agent: () => agent,
    serviceKey: service.publicKey,
    realNow: () => NOW,
    collect: new Collect(db),
    assignments,
    rotation: { want: () => void wants++ },
    openActions: (sealed) => channel.openActions(sealed),
  });
  const side = { signer, agent, folder, db, channel, assignments, commands };
  sides.push(side);
  return side;
}

let reported = 0;
async function report({ signer, agent, channel }: Side, content: ReportContent, boot = 1): Promise<Uint8Array> {
  const head = { agent, boot: new Uint8Array(16).fill(boot), number: ++reported, at: NOW };
  return channel.sealReport(signReport({ ...head, content }, signer));
}

async function greet(side: Side, boot = 1): Promise<void> {
  const hello = await report(side, { type: 'hello', hpkePublicKey: side.channel.publicKey }, boot);
  await voices.hear(agentIdOf(side.signer.publicKey), hello);
}

async function seal(side: Side, ...actions: AgentAction[]): Promise<Uint8Array> {
  return (await voices.seal(agentIdOf(side.signer.publicKey), actions))!;
}

function command(side: Side, actions: Uint8Array, changed: Partial<Command> = {}, signer = service): Uint8Array {
  return signCommand({ agent: side.agent, number: ++number, expiresAt: NOW + 1000, actions, ...changed }, signer);
}

beforeEach(async () => {
  hpkePublicKey = (await createUnsealer(secret)).publicKey;
  const keys = new Map([20, 21].map((seed) => [agentIdOf(signerOf(seed).publicKey), signerOf(seed).publicKey]));
  voices = await createAgentVoices({ hpkeSecret: secret, publicKeyOf: (id) => keys.get(id), verify: verifyEd25519 });
  one = await openSide(20);
  other = await openSide(21);
  await greet(one);
  await greet(other);
});

afterEach(() => {
  for (const { db, folder } of sides.splice(0)) {
    if (db.isOpen) db.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

describe('commands', () => {
  it('assign, unassign and share devices, over a restart, with nothing readable on the disk', async () => {
    const assign = await one.commands.obey(command(one, await seal(one, { type: 'assign', ...cuff, subject: ben })));
    expect(assign).toMatchObject({ outcome: 'obeyed', taken: [], changes: { added: [{ address: cuff.address }] } });
    const claim = { type: 'claim', ...cuff, userIndex: 2, subject: ada } as const;
    await one.commands.obey(command(one, await seal(one, claim)));
    const unassign = { type: 'unassign', device: handleOf(ada, strap) } as const;
    const gone = await one.commands.obey(command(one, await seal(one, unassign)));
    expect(gone).toMatchObject({ changes: { added: [], removed: [{ address: strap.address }] } });
    expect([...one.assignments.devices.keys()]).toEqual([cuff.address]);

    one.db.close();
    const bytes = readFileSync(join(one.folder, 'agent.sqlite'));
    expect(bytes.includes(Buffer.from(ben))).toBe(false);
    expect(bytes.includes(Buffer.from('c00000000002', 'hex'))).toBe(false);
    const again = await openSide(20, one.folder);
    expect([...again.assignments.devices.values()]).toEqual([
      {
        ...cuff,
        subject: ben,
        device: handleOf(ben, cuff),
        users: new Map([[2, { subject: ada, device: handleOf(ada, cuff) }]]),
      },
    ]);
    await greet(again, 2);
    const leave = { type: 'unassign', device: handleOf(ada, cuff) } as const;
    await again.commands.obey(command(again, await seal(again, leave)));
    expect(again.assignments.devices.get(cuff.address)?.users).toBeUndefined();
  });

  it('never take a device or a user away from somebody else', async () => {
    const steal = { type: 'assign', ...strap, subject: ben } as const;
    expect(await one.commands.obey(command(one, await seal(one, steal)))).toMatchObject({ taken: [steal] });
    expect(one.assignments.devices.get(strap.address)?.subject).toEqual(ada);
    const mine = { type: 'claim', ...strap, userIndex: 1, subject: ben } as const;
    const yours = { type: 'claim', ...strap, userIndex: 1, subject: ada } as const;
    expect(await one.commands.obey(command(one, await seal(one, mine, yours)))).toMatchObject({ taken: [yours] });
    // Let go by its patient, it is free.
    const release = { type: 'unassign', device: handleOf(ada, strap) } as const;
    expect(await one.commands.obey(command(one, await seal(one, release, steal)))).toMatchObject({ taken: [] });
    expect(one.assignments.devices.get(strap.address)?.subject).toEqual(ben);
  });

  it('are ignored when old, expired, of another service, or for another agent', async () => {
    const actions = await seal(one, { type: 'assign', ...cuff, subject: ben });
    const good = command(one, actions);
    expect(await one.commands.obey(good)).toMatchObject({ outcome: 'obeyed' });
    expect(await one.commands.obey(good)).toEqual({ outcome: 'old' });
    expect(await one.commands.obey(command(one, actions, { expiresAt: NOW }))).toEqual({ outcome: 'expired' });
    expect(await other.commands.obey(command(one, actions))).toEqual({ outcome: 'not-ours' });
    const forged = one.commands.obey(command(one, actions, {}, signerOf(22)));
    await expect(forged).rejects.toMatchObject({ code: 'bad-signature' });
    expect([...other.assignments.devices.keys()]).toEqual([strap.address]);
  });

  it('ask for a new key once, however often they come, and not when they are out of time', async () => {
    const actions = await seal(one, { type: 'rotate-key' });
    const before = wants;
    const asked = command(one, actions);
    const late = command(one, actions, { expiresAt: NOW });
    expect(await one.commands.obey(late)).toEqual({ outcome: 'expired' });
    expect(wants).toBe(before);
    expect(await one.commands.obey(asked)).toMatchObject({ outcome: 'obeyed', actions: [{ type: 'rotate-key' }] });
    expect(await one.commands.obey(asked)).toEqual({ outcome: 'old' });
    expect(await other.commands.obey(asked)).toEqual({ outcome: 'not-ours' });
    expect(wants).toBe(before + 1);
  });

  it('are ignored as a whole when their actions were sealed to another agent or another start', async () => {
    const actions = await seal(one, { type: 'assign', ...cuff, subject: ben });
    // The service's own signature does not help: the ciphertext is bound to whom it is for.
    const collect = [{ subject: ada, permitted: false }];
    const replayed = other.commands.obey(command(other, actions, { collect }));
    await expect(replayed).rejects.toMatchObject({ code: 'wrong-key' });
    const readdressed = actions.slice();
    readdressed.set((await seal(other)).subarray(0, 44));
    await expect(other.commands.obey(command(other, readdressed))).rejects.toMatchObject({ code: 'encrypted' });
    const restarted = await openPrivateChannel(hpkePublicKey, one.agent);
    await expect(restarted.openActions(actions)).rejects.toMatchObject({ code: 'wrong-key' });
    expect(other.assignments.devices.has(cuff.address)).toBe(false);
    expect(other.db.prepare('SELECT count(*) AS n FROM collect').get()).toEqual({ n: 0 });
    expect(await other.commands.obey(command(other, await seal(other)))).toMatchObject({ outcome: 'obeyed' });
  });
});

describe('reports', () => {
  it('count once, and only from their own agent', async () => {
    const [id, otherId] = [agentIdOf(one.signer.publicKey), agentIdOf(other.signer.publicKey)];
    const sealed = await report(one, { type: 'found', devices: [] });
    await expect(voices.hear(otherId, sealed)).rejects.toMatchObject({ code: 'wrong-topic' });
    expect((await voices.hear(id, sealed)).content).toEqual({ type: 'found', devices: [] });
    await expect(voices.hear(id, sealed)).rejects.toMatchObject({ code: 'expired' });
    // After a restart of the agent, nothing of the start before counts.
    const stale = await report(one, { type: 'hello', hpkePublicKey: other.channel.publicKey });
    await greet(one, 2);
    await expect(voices.hear(id, stale)).rejects.toMatchObject({ code: 'expired' });
    await expect(voices.hear(id, await seal(one))).rejects.toMatchObject({ code: 'version' });
    for (const bytes of [new Uint8Array(0), new Uint8Array(100), new Uint8Array(70_000)]) {
      await expect(voices.hear(id, bytes)).rejects.toMatchObject({ code: /truncated|version|too-large/ });
    }
  });
});
