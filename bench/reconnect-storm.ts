/** Very many agents that all come back at once after the service and its broker were killed, each with a backlog. */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Gateway } from '../edge-agent/gateway.ts';
import { ALL_CLASSES } from '../protocol/consent-event.ts';
import { createSigner } from '../protocol/cose.ts';
import { vitalSignByName } from '../protocol/vital-signs.ts';
import { addressOf } from '../simulators/addresses.ts';
import { type FleetSite, openFleetSite } from '../simulators/fleet-site.ts';
import { createPatientClient } from '../simulators/patient-client.ts';
import type { ServiceProcess } from './service-process.ts';

export interface StormSettings {
  readonly agents: number;
  /** Readings of each agent while the service is away. */
  readonly backlog: number;
}

export interface StormResult extends StormSettings {
  readonly batches: number;
  /** From the moment the service listens again until every batch of every agent is held. */
  readonly heldMs: number;
  /** Until half of the agents had all of theirs held. */
  readonly halfMs: number;
  readonly sent: number;
  readonly filed: number;
  readonly doubled: number;
}

interface Member {
  readonly patient: string;
  readonly address: string;
  readonly agent: Gateway;
  readonly sentAt: number[];
}

const HEART_RATE_MEASUREMENT = 0x2a37;
const ABREAST = 8;
const PATIENCE_MS = 300_000;

export async function measureStorm(
  service: ServiceProcess,
  data: string,
  settings: StormSettings,
  tell: (line: string) => void,
): Promise<StormResult> {
  const site = await openFleetSite({ url: service.url, data });
  const members: Member[] = [];
  try {
    for (let next = 0; next < settings.agents; next += ABREAST) {
      const count = Math.min(ABREAST, settings.agents - next);
      members.push(...(await Promise.all(Array.from({ length: count }, (_, i) => join(site, next + i)))));
      if (members.length % 200 === 0) tell(`${members.length} agents enrolled`);
    }
    await Promise.all(members.map((member) => hear(member, 5)));
    await until(members, isDrained, members.length);
    await service.kill();
    tell('the service and its broker are killed; the agents go on');
    for (const member of members) await hear(member, settings.backlog);
    await Promise.all(members.map(({ agent }) => agent.flush()));
    const before = members.map(({ agent }) => agent.status());
    const batches = before.reduce((sum, { outbox }) => sum + outbox, 0);
    tell(`${batches} batches wait; the service starts`);
    await service.start();
    const from = performance.now();
    await until(members, isDrained, Math.ceil(members.length / 2));
    const halfMs = performance.now() - from;
    await until(members, isDrained, members.length);
    const heldMs = performance.now() - from;
    tell('all of it is held; counting what is filed');
    await Promise.all(members.map(({ agent }) => agent.settled()));
    return { ...settings, batches, heldMs, halfMs, ...count(site, members) };
  } finally {
    await Promise.all(members.map(({ agent }) => agent.stop()));
    await site.close();
  }
}

async function join(site: FleetSite, index: number): Promise<Member> {
  const signer = createSigner(new Uint8Array(randomBytes(32)));
  const patient = site.admitPatient(signer.publicKey, `Storm ${index} (HTEST)`);
  const client = createPatientClient(site.url, signer, Date.now);
  await client.grant({ action: 'collect', classes: [ALL_CLASSES], period: { from: Date.now() } });
  const address = addressOf(`storm ${index}`);
  return { patient, address, agent: await site.openAgent(`agent-${index}`, patient, address), sentAt: [] };
}

async function hear({ agent, address, sentAt }: Member, count: number): Promise<void> {
  const heard = Array.from({ length: count }, (_, i) => {
    const heardAt = Math.max(Date.now(), (sentAt.at(-1) ?? 0) + 1);
    sentAt.push(heardAt);
    const value = Uint8Array.of(0, 60 + (i % 60));
    return agent.hear({ device: address, connection: 1, characteristic: HEART_RATE_MEASUREMENT, value, heardAt });
  });
  await Promise.all(heard);
}

function isDrained({ agent }: Member): boolean {
  const { pending, outbox } = agent.status();
  return pending === 0 && outbox === 0;
}

async function until(members: readonly Member[], holds: (member: Member) => boolean, count: number): Promise<void> {
  const endsAt = performance.now() + PATIENCE_MS;
  while (members.filter(holds).length < count) {
    if (performance.now() > endsAt)
      throw new Error(`only ${members.filter(holds).length} of ${count} agents are through`);
    await pause(50);
  }
}

function count(site: FleetSite, members: readonly Member[]) {
  const { mdc } = vitalSignByName('heart-rate')!;
  let [sent, filed, doubled] = [0, 0, 0];
  for (const { patient, sentAt } of members) {
    const open = new Set(sentAt);
    sent += sentAt.length;
    for (const { heardAt } of site.readings(patient, mdc)) {
      if (open.delete(heardAt)) filed++;
      else doubled++;
    }
  }
  return { sent, filed, doubled };
}
