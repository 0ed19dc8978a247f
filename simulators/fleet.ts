/**
 * Many agents at once, each real but for its radio: keys, enrolment, state on disk, MQTT, each with one patient who wears
 * a heart strap. Every reading is counted at both ends.
 */
import { randomBytes } from 'node:crypto';
import { ALL_CLASSES } from '../protocol/consent-event.ts';
import { createSigner } from '../protocol/cose.ts';
import { vitalSignByName } from '../protocol/vital-signs.ts';
import { addressOf } from './addresses.ts';
import type { FleetSite } from './fleet-site.ts';
import { createPatientClient } from './patient-client.ts';

export interface FleetSettings {
  readonly agents: number;
  /** Readings a second of each agent. */
  readonly rate: number;
  readonly seconds: number;
}

export interface FleetResult {
  readonly agents: number;
  readonly seconds: number;
  /** Readings that an agent took and made durable. */
  readonly sent: number;
  /** Readings that an agent refused to take. */
  readonly refused: number;
  /** Batches: sealed by the agents, and of these held by the service, as the agents know. */
  readonly sealed: number;
  readonly held: number;
  /** Readings that are in the record, and of these in the log. */
  readonly filed: number;
  readonly logged: number;
  readonly lost: number;
  readonly doubled: number;
  /** From the agent hearing a reading to the service holding it, ms; absent when nothing was filed. */
  readonly heldAfterMs?: { readonly p50: number; readonly p99: number; readonly most: number };
}

type FleetAgent = Awaited<ReturnType<FleetSite['openAgent']>>;

interface Member {
  readonly patient: string;
  readonly address: string;
  readonly agent: FleetAgent;
  readonly sentAt: number[];
  refused: number;
}

const HEART_RATE_MEASUREMENT = 0x2a37;
/** Members that are set up at the same time. */
const ABREAST = 8;
/** How long what was heard may take to come into the log after the last reading. */
const SETTLE_MS = 120_000;

/** Runs the fleet to its end; what was sent may take two minutes more to arrive. `tell` hears of the progress. */
export async function runFleet(
  site: FleetSite,
  { agents, rate, seconds }: FleetSettings,
  tell: (line: string) => void,
): Promise<FleetResult> {
  const members: Member[] = [];
  try {
    for (let next = 0; next < agents; next += ABREAST) {
      const group = Array.from({ length: Math.min(ABREAST, agents - next) }, (_, i) => join(site, next + i));
      members.push(...(await Promise.all(group)));
      if (members.length % 40 === 0 || members.length === agents) tell(`${members.length} agents enrolled`);
    }
    await send(members, rate, seconds, tell);
    tell('waiting until all of it is in the log');
    await settle(members);
    return count(site, members, seconds);
  } finally {
    await Promise.all(members.map(({ agent }) => agent.stop()));
  }
}

async function join(site: FleetSite, index: number): Promise<Member> {
  const signer = createSigner(new Uint8Array(randomBytes(32)));
  const patient = site.admitPatient(signer.publicKey, `Fleet ${index} (HTEST)`);
  const client = createPatientClient(site.url, signer, Date.now);
  await client.grant({ action: 'collect', classes: [ALL_CLASSES], period: { from: Date.now() } });
  const address = addressOf(`fleet ${index}`);
  return { patient, address, agent: await site.openAgent(`agent-${index}`, patient, address), sentAt: [], refused: 0 };
}

/** Each agent at its own moment of the interval, so that they do not come in step. */
async function send(members: readonly Member[], rate: number, seconds: number, tell: (line: string) => void) {
  const everyMs = 1000 / rate;
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1000;
  const under = new Set<Promise<void>>();
  const runs = members.map(async (member, i) => {
    let due = startedAt + (i / members.length) * everyMs;
    for (let beat = 0; due < endsAt; beat++, due += everyMs) {
      const wait = due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const taken = hear(member, beat).finally(() => under.delete(taken));
      under.add(taken);
    }
  });
  const report = setInterval(() => {
    const sent = members.reduce((sum, { sentAt }) => sum + sentAt.length, 0);
    tell(`${Math.round((performance.now() - startedAt) / 1000)} s, ${sent} readings`);
  }, 5000);
  await Promise.all(runs);
  await Promise.all(under);
  clearInterval(report);
}

/** Resolves when the reading is durable at the agent, or was refused. */
async function hear(member: Member, beat: number): Promise<void> {
  const { agent, address, sentAt } = member;
  // No two at one instant: they would be true repeats, and could not be told apart below.
  const heardAt = Math.max(Date.now(), (sentAt.at(-1) ?? 0) + 1);
  sentAt.push(heardAt);
  const value = Uint8Array.of(0, 60 + (beat % 60));
  try {
    await agent.hear({ device: address, connection: 1, characteristic: HEART_RATE_MEASUREMENT, value, heardAt });
  } catch {
    sentAt.splice(sentAt.indexOf(heardAt), 1);
    member.refused++;
  }
}

async function settle(members: readonly Member[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, SETTLE_MS);
  });
  // One that fails shows in the counts.
  await Promise.race([Promise.allSettled(members.map(({ agent }) => agent.settled())), patience]);
  clearTimeout(timer);
}

function count(site: FleetSite, members: readonly Member[], seconds: number): FleetResult {
  const { mdc } = vitalSignByName('heart-rate')!;
  const delays: number[] = [];
  let [filed, logged, doubled] = [0, 0, 0];
  for (const { patient, sentAt } of members) {
    const open = new Set(sentAt);
    for (const { heardAt, receivedAt, inLog } of site.readings(patient, mdc)) {
      if (!open.delete(heardAt)) {
        doubled++;
        continue;
      }
      filed++;
      if (inLog) logged++;
      delays.push(receivedAt - heardAt);
    }
  }
  const statuses = members.map(({ agent }) => agent.status());
  const sum = (of: readonly number[]) => of.reduce((total, one) => total + one, 0);
  const sent = sum(members.map(({ sentAt }) => sentAt.length));
  const sorted = delays.sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return {
    agents: members.length,
    seconds,
    sent,
    refused: sum(members.map(({ refused }) => refused)),
    sealed: sum(statuses.map(({ sealed }) => sealed)),
    held: sum(statuses.map(({ held }) => held)),
    filed,
    logged,
    lost: sent - filed,
    doubled,
    ...(sorted.length > 0 && { heldAfterMs: { p50: at(0.5), p99: at(0.99), most: at(1) } }),
  };
}

/** True when everything that was taken is in the record and the log, once. */
export function isWhole({ sent, logged, lost, doubled, refused }: FleetResult): boolean {
  return lost === 0 && doubled === 0 && refused === 0 && logged === sent;
}

export function formatFleet(result: FleetResult): string {
  const { heldAfterMs } = result;
  const rows: (readonly [string, string])[] = [
    ['agents', String(result.agents)],
    ['readings sent', String(result.sent)],
    ['  refused by an agent', String(result.refused)],
    ['  filed', String(result.filed)],
    ['  in the log', String(result.logged)],
    ['  lost', String(result.lost)],
    ['  doubled', String(result.doubled)],
    ['batches sealed', String(result.sealed)],
    ['  held', String(result.held)],
  ];
  if (heldAfterMs) {
    const { p50, p99, most } = heldAfterMs;
    rows.push(['heard to held, ms', `p50 ${p50}, p99 ${p99}, most ${most} (batches close after 2000)`]);
  }
  return rows.map(([what, figure]) => `${what.padEnd(24)}${figure}\n`).join('');
}
