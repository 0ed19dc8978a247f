/** The edge agent: keys, state, enrolment, the gateway and the radio, put together. */

import { join } from 'node:path';
import { profileOf } from '../protocol/devices/device-profile.ts';
import { Fault } from '../protocol/fault.ts';
import type { AgentId } from '../protocol/keys.ts';
import type { Clock, Instant } from '../protocol/time.ts';
import { hasDatabase, openDatabase } from './database.ts';
import { type Enrolled, enrol, isEnrolled, loadEnrolment } from './enrol.ts';
import { type Gateway, openGateway } from './gateway.ts';
import { type AgentKeys, openKeys } from './keys.ts';
import { type Log, SILENT } from './log.ts';
import type { PublisherTuning } from './publisher.ts';
import { type BondStore, openBondStore } from './radio/bond-store.ts';
import type { HciTransport } from './radio/hci-transport.ts';
import { PROFILES } from './radio/profiles.ts';
import { openRadio, type Radio, type RadioTimings } from './radio/radio.ts';
import type { RadioSecurity } from './radio/secure-link.ts';
import type { AgentStatus } from './status.ts';

export interface AgentOptions {
  /** Folder of the state database; made when it is not there. */
  readonly stateDirectory: string;
  /** Folder of keys and enrolment (0700); made on the first start. */
  readonly keysDirectory: string;
  /** Base URL of the service; needed once, to enrol. */
  readonly serviceUrl: string;
  /** One-time enrolment code; needed on the first start only. */
  readonly code?: string;
  /** Where the broker is now, if it moved since the enrolment. */
  readonly brokerUrl?: string;
  /** Open; the agent closes it. */
  readonly transport: HciTransport;
  /** Gateway clock; the transport's where it is left out. */
  readonly clock?: Clock;
  /** Real time: expiry of commands, memory of doubles. */
  readonly realNow?: Clock;
  /**
   * Monotonic milliseconds since the gateway started, noted in each reading; to be left out where the transport brings
   * its own time.
   */
  readonly uptime?: () => number;
  /** Minutes east of UTC here at an instant. */
  readonly zoneOf: (instant: Instant) => number;
  /** True for simulated, replayed and demonstration data: every leaf says so. */
  readonly test: boolean;
  readonly batch: { readonly maxLeaves: number; readonly maxAgeMs: number };
  /** Longest time without a batch. */
  readonly heartbeatMs: number;
  /** Longest wait of a reading for others to share its fsync. */
  readonly groupMs?: number;
  readonly publishing?: Partial<PublisherTuning>;
  readonly radio?: Partial<RadioTimings>;
  /** Who enters passkeys and says what may be paired; see {@link RadioSecurity}. */
  readonly pairing?: Pick<RadioSecurity, 'passkeyOf' | 'showPasskey' | 'mayPair' | 'onSecurity'>;
  readonly log?: Log;
  /** Nothing can be made durable any more. The caller stops the process; a restart recovers. */
  readonly onFailure?: (error: unknown) => void;
}

export interface Agent {
  /** Thumbprint of the agent's key: its name towards broker and service. */
  readonly id: AgentId;
  /** Closes and seals what is pending now. */
  flush(): Promise<void>;
  /** Resolves when all that was heard so far is sealed, held and logged; see {@link Gateway.settled}. */
  settled(): Promise<void>;
  status(): AgentStatus;
  /** Ends within two seconds; what was heard is durable. */
  stop(): Promise<void>;
}

export const DEFAULT_BATCH = { maxLeaves: 500, maxAgeMs: 2000 } as const;
export const DEFAULT_HEARTBEAT_MS = 60_000;
export const DEFAULT_PUBLISHING: PublisherTuning = {
  window: 8,
  acknowledgementMs: 10_000,
  retryMs: { first: 250, longest: 30_000 },
};

/**
 * Starts an agent, enrolling it on its first start. Throws {@link Fault}: `missing` (a key or the state is gone, or
 * there is no code), `unavailable` (service unreachable, or the state is in use), `expired` or `not-permitted` (the
 * service refuses), `wrong-key`, `malformed`, `inconsistent` (the store of bonds was changed).
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { transport } = options;
  try {
    const gateway = await openAgentGateway(options);
    try {
      return new RunningAgent(gateway, listen(gateway, openBonds(options.keysDirectory), options));
    } catch (error) {
      await gateway.stop();
      throw error;
    }
  } catch (error) {
    await transport.close();
    throw error;
  }
}

/** All but the radio, for whoever hears by other means. */
export type RadiolessOptions = Omit<AgentOptions, 'transport' | 'radio' | 'uptime' | 'pairing'> & {
  readonly transport?: HciTransport;
};

/** Keys, then state, then enrolment: a crash after each step is mended by the next start, which takes the same steps. */
export async function openAgentGateway(options: RadiolessOptions): Promise<Gateway> {
  const { stateDirectory, keysDirectory, transport, realNow = Date.now, log = SILENT } = options;
  const hasState = hasDatabase(stateDirectory);
  if (!hasState && isEnrolled(keysDirectory)) {
    throw new Fault('missing', `this agent is enrolled, but its state in ${stateDirectory} is gone; restore it`);
  }
  const keys = openKeys(keysDirectory, !hasState);
  const db = openDatabase(stateDirectory, keys.agent);
  try {
    const enrolled = await loadOrEnrol(options, keys);
    const { url, password } = enrolled.broker;
    return await openGateway({
      db,
      keys,
      enrolled: { ...enrolled, broker: { url: options.brokerUrl ?? url, password } },
      clock: options.clock ?? (transport ? () => transport.clock.now() : realNow),
      realNow,
      zoneOf: options.zoneOf,
      test: options.test,
      batch: options.batch,
      heartbeatMs: options.heartbeatMs,
      groupMs: options.groupMs ?? 2,
      publishing: { ...DEFAULT_PUBLISHING, ...options.publishing },
      log,
      onFailure: options.onFailure ?? (() => undefined),
    });
  } catch (error) {
    db.close();
    throw error;
  }
}

async function loadOrEnrol(options: RadiolessOptions, { signer }: AgentKeys): Promise<Enrolled> {
  const { keysDirectory: keysFolder, serviceUrl, code, log = SILENT } = options;
  if (isEnrolled(keysFolder)) return loadEnrolment(keysFolder, signer.publicKey);
  if (code === undefined) throw new Fault('missing', 'this agent is not enrolled yet: it needs a one-time code');
  const enrolled = await enrol({ keysFolder, signer, serviceUrl, code });
  log.info({ devices: enrolled.devices.size }, 'enrolled');
  return enrolled;
}

/** Keys of bonded devices, beside the other keys. */
function openBonds(keysDirectory: string): BondStore {
  return openBondStore(join(keysDirectory, 'bonds'), openKeys(keysDirectory, false).storageKey);
}

function listen(gateway: Gateway, bonds: BondStore, options: AgentOptions): Radio {
  const { transport, uptime, radio: timings, pairing, log = SILENT } = options;
  return openRadio({
    transport,
    profiles: PROFILES,
    wants: ({ address }) => gateway.wants(address),
    holdOffMs: ({ localName, serviceUuids }) => profileOf({ name: localName, services: serviceUuids }).holdOffMs ?? 0,
    policiesOf: ({ localName, serviceUuids }) => profileOf({ name: localName, services: serviceUuids }),
    bonds,
    ...pairing,
    onSecurity(change) {
      const { device: _device, at: _at, ...line } = change;
      log.info(line, 'radio security');
      pairing?.onSecurity?.(change);
    },
    onDevice: (device) => {
      gateway.meet(device).catch(() => undefined);
    },
    onNotification: ({ uptimeMs, ...heard }) =>
      gateway.hear(uptime ? { ...heard, uptimeMs: Math.round(uptimeMs) } : heard),
    onLink: ({ device, state, at }) => gateway.linkChanged(device, state, at),
    uptime: uptime ?? (() => performance.now()),
    random: Math.random,
    log: (line) => log.info(line, 'radio'),
    ...(timings ? { timings } : {}),
  });
}

class RunningAgent implements Agent {
  readonly #gateway: Gateway;
  readonly #radio: Radio;

  constructor(gateway: Gateway, radio: Radio) {
    this.#gateway = gateway;
    this.#radio = radio;
  }

  get id(): AgentId {
    return this.#gateway.id;
  }

  flush(): Promise<void> {
    return this.#gateway.flush();
  }

  settled(): Promise<void> {
    return this.#gateway.settled();
  }

  status(): AgentStatus {
    return this.#gateway.status();
  }

  async stop(): Promise<void> {
    await this.#radio.close();
    await this.#gateway.stop();
  }
}
