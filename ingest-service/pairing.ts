/**
 * Pairing for patients: look around with a gateway of theirs, take a wearable, see its first verified reading, and let it
 * go again. What is under way is in memory only; what is decided is in the record (assignments) and with the agent.
 *
 * Everything is asked by a patient, and an agent or device of somebody else is answered as one that is not there.
 */
import { type AgentAction, MAX_ACTIONS } from '../protocol/agent-action.ts';
import { decodeHex, encodeHex } from '../protocol/bytes.ts';
import { Fault } from '../protocol/fault.ts';
import { type AgentId, deviceHandle } from '../protocol/keys.ts';
import type { FoundDevice, HeldUser, Report } from '../protocol/report.ts';
import { type Clock, formatInstant, type Instant } from '../protocol/time.ts';
import { vitalSignByMdc } from '../protocol/vital-signs.ts';
import { viewAgent } from './agent-view.ts';
import type { AgentVoices } from './agent-voice.ts';
import { collectsFrom } from './consent/collect.ts';
import type { Counters } from './counters.ts';
import { CODE_VALID_MS, createEnrolmentCode } from './enrolment.ts';
import type { Erasing } from './erasure/erasing.ts';
import type { Filing } from './file-batch.ts';
import { isOver, type Session, viewFound, viewInstant, viewSession } from './pairing-view.ts';
import { createRateLimit } from './rate-limit.ts';
import type { Patient } from './record/patients.ts';
import type { RecordStore } from './record/record-sqlite.ts';
import { createReportQueue } from './report-queue.ts';
import type { StandingOf } from './standing.ts';

export interface PairingDeps {
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly standingOf: StandingOf;
  readonly voices: AgentVoices;
  /** Sends actions to an agent; false when it cannot be reached in private. Nothing tells whether it obeyed. */
  readonly act: (agent: AgentId, actions: readonly AgentAction[]) => Promise<boolean>;
  readonly erasing: Pick<Erasing, 'actionsFor' | 'confirm'>;
}

/** A patient looking around with one agent. */
interface Scan {
  readonly until: Instant;
  found: readonly FoundDevice[];
}

export const SCAN_MS = 60_000;
/** How long what was found can be chosen from. */
const CHOICE_MS = 10 * 60_000;
const MAX_SESSIONS = 16;
const ACTS_PER_MINUTE = 40;
/** A device's word about itself is no reading of its patient. */
const DEVICE_SIGNS: ReadonlySet<string> = new Set(['battery']);

export type Pairing = ReturnType<typeof createPairing>;

export function createPairing({ store, clock, counters, standingOf, voices, act, erasing }: PairingDeps) {
  const scans = new Map<string, Scan>();
  const sessions = new Map<string, Map<string, Session>>();
  const held = new Map<AgentId, readonly HeldUser[]>();
  const limit = createRateLimit(clock, ACTS_PER_MINUTE);

  const scanKey = (agent: string, patient: Patient) => `${agent} ${patient.id}`;
  const sessionsOf = (patient: Patient) => sessions.get(patient.id) ?? new Map<string, Session>();
  const handleOf = ({ subject }: Patient, { addressType, address }: Pick<FoundDevice, 'address' | 'addressType'>) =>
    deviceHandle(subject, addressType, address);

  function requireGateway(patient: Patient, agent: string): AgentId {
    if (!store.agents.serves(agent, patient.id)) throw notThere();
    return agent as AgentId;
  }

  function isPaired(agent: AgentId, patient: Patient, handle: Uint8Array): boolean {
    const { maySpeakFor, isUnpaired } = store.agents;
    return maySpeakFor(agent, patient.id, handle) && !isUnpaired(agent, patient.id, handle);
  }

  /** Somebody else's device is not there, unless it is hers too: of a cuff for two, each claims a user. */
  function isOthers(agent: AgentId, patient: Patient, device: FoundDevice): boolean {
    if (isPaired(agent, patient, handleOf(patient, device))) return false;
    return store.agents.patientsOf(agent).some((id) => {
      const other = id === patient.id ? undefined : store.patients.byId(id);
      return other !== undefined && isPaired(agent, other, handleOf(other, device));
    });
  }

  function choices(agent: AgentId, patient: Patient): FoundDevice[] {
    const scan = scans.get(scanKey(agent, patient));
    if (!scan || clock() > scan.until + CHOICE_MS) return [];
    return scan.found.filter((device) => !isOthers(agent, patient, device));
  }

  function requireConsent(patient: Patient, handle: Uint8Array): void {
    if (collectsFrom(store.consents.state(patient), handle, clock())) return;
    throw new Fault('bad-chain', 'consent to collect from this device comes first');
  }

  async function mustAct(agent: AgentId, actions: readonly AgentAction[]): Promise<void> {
    if (!(await act(agent, actions))) throw new Fault('unavailable', 'the gateway is not connected', 'later');
  }

  /** First here, then there: an agent must never deliver what it may not speak for yet. Undone where it is not reached. */
  async function assignAnd(patient: Patient, agent: AgentId, handle: Uint8Array, action: AgentAction): Promise<void> {
    const before = isPaired(agent, patient, handle);
    store.transaction(() => store.agents.assign(agent, patient.id, handle));
    try {
      await mustAct(agent, [action]);
    } catch (error) {
      if (!before) store.transaction(() => store.agents.unassign(agent, patient.id, handle));
      throw error;
    }
  }

  function assignOf(patient: Patient, { address, addressType }: FoundDevice): AgentAction {
    return { type: 'assign', address, addressType, subject: patient.subject };
  }

  /** What an agent that has just said hello has to be told again: commands to it may have been lost. */
  async function greet(agent: AgentId, boot: string): Promise<void> {
    const actions = erasing.actionsFor(agent);
    for (const device of store.agents.unpairedOf(agent)) actions.push({ type: 'unassign', device });
    for (const [id, mine] of sessions) {
      const patient = store.patients.byId(id);
      for (const session of mine.values()) {
        if (!patient || session.agent !== agent || isOver(session) || session.boot === boot) continue;
        // Never obeyed, or under way when the agent ended: it knows whose the device is, and not that it was pairing it.
        delete session.state;
        actions.push(assignOf(patient, session.device));
      }
    }
    const until = Math.max(0, ...[...scans].map(([key, scan]) => (key.startsWith(`${agent} `) ? scan.until : 0)));
    if (until > clock()) actions.push({ type: 'scan', forMs: until - clock() });
    for (let i = 0; i < actions.length; i += MAX_ACTIONS) await act(agent, actions.slice(i, i + MAX_ACTIONS));
  }

  async function take(agent: AgentId, { content, boot }: Report): Promise<void> {
    switch (content.type) {
      case 'hello':
        return greet(agent, encodeHex(boot));
      case 'found':
        for (const [key, scan] of scans) {
          if (key.startsWith(`${agent} `) && clock() <= scan.until) scan.found = content.devices;
        }
        return;
      case 'link':
        for (const mine of sessions.values()) {
          for (const session of mine.values()) {
            const { address, addressType } = session.device;
            if (session.agent !== agent || address !== content.address || addressType !== content.addressType) continue;
            // Said to whoever asked last; who has the device is past asking.
            if (content.failure === 'taken' && session.state !== undefined) continue;
            session.state = content.state;
            session.boot = encodeHex(boot);
            if (content.failure === undefined) delete session.failure;
            else session.failure = content.failure;
          }
        }
        return;
      case 'held':
        held.set(agent, content.users);
        return;
      case 'erased':
        erasing.confirm(agent, content.id);
    }
  }

  return {
    /** A sealed report of an agent, as it came. Never rejects; what does not hold is counted. */
    hear: createReportQueue({ voices, counters, take }),

    /** After filing: the first reading of a device that is being paired. */
    filed({ filed, agent }: Filing): void {
      if (sessions.size === 0) return;
      for (const { patient, reading } of filed) {
        const session = sessions.get(patient.id)?.get(encodeHex(reading.leaf.device));
        const sign = vitalSignByMdc(reading.leaf.vital);
        if (session?.agent !== agent || session.reading || (sign && DEVICE_SIGNS.has(sign.name))) continue;
        const { id, batch, leaf } = reading;
        session.reading = { id, batch, title: sign?.title ?? 'A reading', measuredAt: leaf.measuredAt };
      }
    },

    /** All that the patient's page shows of pairing. */
    view(patient: Patient) {
      const gateways = store.agents.agentsOf(patient.id);
      return {
        gateways: gateways.map((id) => ({ id, ...viewInstant(voices.heardAt(id)), ...viewAgent(store, id) })),
        scans: gateways.flatMap((agent) => {
          const scan = scans.get(scanKey(agent, patient));
          if (!scan || clock() > scan.until + CHOICE_MS) return [];
          const found = choices(agent, patient).map((device) => {
            const handle = handleOf(patient, device);
            const hex = encodeHex(handle);
            // What failed is hers, and can be chosen again.
            const isTaken = isPaired(agent, patient, handle) && sessionsOf(patient).get(hex)?.state !== 'failed';
            return viewFound(device, hex, isTaken);
          });
          return [{ gateway: agent, until: formatInstant(scan.until), found }];
        }),
        pairings: [...sessionsOf(patient)].map(([handle, session]) => viewSession(handle, session, standingOf)),
        paired: store.agents.pairedOf(patient.id).map(({ agent, handle }) => ({
          gateway: agent,
          device: encodeHex(handle),
        })),
        held: gateways.flatMap((agent) =>
          (held.get(agent) ?? [])
            .filter(({ count }) => count > 0)
            .map((user) => ({
              gateway: agent,
              device: encodeHex(handleOf(patient, user)),
              userIndex: user.userIndex,
              count: user.count,
              ...(user.name !== undefined && { name: user.name }),
            })),
        ),
      };
    },

    /** Lets a gateway look around for a minute. Throws `not-found`, `unavailable`. */
    async scan(patient: Patient, gateway: string): Promise<void> {
      limit(patient.id);
      const agent = requireGateway(patient, gateway);
      await mustAct(agent, [{ type: 'scan', forMs: SCAN_MS }]);
      const found = scans.get(scanKey(agent, patient))?.found ?? [];
      scans.set(scanKey(agent, patient), { until: clock() + SCAN_MS, found });
    },

    /**
     * Takes a wearable that was found. Throws `not-found`, `bad-chain` (the patient has not consented to collect from it),
     * `unavailable`.
     */
    async pair(patient: Patient, gateway: string, device: string): Promise<void> {
      limit(patient.id);
      const agent = requireGateway(patient, gateway);
      const chosen = choices(agent, patient).find((found) => encodeHex(handleOf(patient, found)) === device);
      if (!chosen) throw notThere();
      const handle = decodeHex(device);
      requireConsent(patient, handle);
      const mine = sessionsOf(patient);
      sessions.set(patient.id, mine);
      mine.delete(device);
      mine.set(device, { agent, device: chosen });
      if (mine.size > MAX_SESSIONS) mine.delete(mine.keys().next().value!);
      await assignAnd(patient, agent, handle, assignOf(patient, chosen)).catch((error: unknown) => {
        mine.delete(device);
        throw error;
      });
    },

    /** The six digits that the device shows. Throws `not-found` when it did not ask. */
    async passkey(patient: Patient, device: string, passkey: number): Promise<void> {
      limit(patient.id);
      const session = sessionsOf(patient).get(device);
      if (session?.state !== 'passkey-needed') throw notThere();
      const { address, addressType } = session.device;
      await mustAct(session.agent, [{ type: 'passkey', address, addressType, passkey }]);
    },

    /** What an unknown user of a device measured is this patient's. Throws `not-found`, `bad-chain`, `unavailable`. */
    async claim(patient: Patient, gateway: string, device: string, userIndex: number): Promise<void> {
      limit(patient.id);
      const agent = requireGateway(patient, gateway);
      const user = (held.get(agent) ?? []).find(
        (one) => one.userIndex === userIndex && encodeHex(handleOf(patient, one)) === device,
      );
      if (!user) throw notThere();
      const handle = decodeHex(device);
      requireConsent(patient, handle);
      const { address, addressType } = user;
      const action = { type: 'claim', address, addressType, userIndex, subject: patient.subject } as const;
      await assignAnd(patient, agent, handle, action);
    },

    /** Lets a wearable go: nothing of it is kept from now on, and what is filed stays. Throws `not-found`. */
    async unpair(patient: Patient, device: string): Promise<void> {
      limit(patient.id);
      const handle = decodeHex(device);
      const agents = store.agents.pairedOf(patient.id).filter((paired) => encodeHex(paired.handle) === device);
      if (agents.length === 0) throw notThere();
      store.transaction(() => {
        for (const { agent } of agents) {
          for (const name of store.keyEvents.lineOf(agent)) store.agents.unassign(name, patient.id, handle);
        }
      });
      // In effect from here. An agent that cannot be told now is told when it says hello.
      sessionsOf(patient).delete(device);
      for (const { agent } of agents) await act(agent, [{ type: 'unassign', device: handle }]);
    },

    /** A patient is no more. */
    forget({ id }: Patient): void {
      sessions.delete(id);
      for (const key of scans.keys()) if (key.endsWith(` ${id}`)) scans.delete(key);
    },

    /** A one-time code that enrols a gateway for this patient, with no wearables yet. */
    gatewayCode(patient: Patient): { readonly code: string; readonly expiresAt: string } {
      limit(patient.id);
      const code = createEnrolmentCode({ store, clock }, [], [patient.id]);
      return { code, expiresAt: formatInstant(clock() + CODE_VALID_MS) };
    },
  };
}

function notThere(): Fault {
  return new Fault('not-found', 'no such device or gateway');
}
