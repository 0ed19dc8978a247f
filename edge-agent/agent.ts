/** The edge agent: keys, state, enrolment, the gateway and the radio, put together. */

import { join } from 'node:path';
import { publicKeyOf } from '../protocol/ed25519.ts';
import { Fault } from '../protocol/fault.ts';
import { type AgentId, thumbprint } from '../protocol/keys.ts';
import type { Clock, Instant } from '../protocol/time.ts';
import { DEFAULT_CAPACITY_OCTETS } from './capacity.ts';
import { hasDatabase, openDatabase } from './database.ts';
import { policiesOf } from './device-policies.ts';
import { type Enrolled, enrol, forgetAssigned, isEnrolled, loadEnrolment } from './enrol.ts';
import { type Gateway, openGateway } from './gateway.ts';
import { Identity } from './identity.ts';
import { type AgentKeys, openKeys } from './keys.ts';
import { type Log, SILENT } from './log.ts';
import { loadNextKey } from './next-key.ts';
import type { PublisherTuning } from './publisher.ts';
import { type KeptBonds, openBondStore } from './radio/bond-store.ts';
import type { HciTransport } from './radio/hci-transport.ts';
import { PROFILES } from './radio/profiles.ts';
import { openRadio } from './radio/radio.ts';
import type { Radio } from './radio/radio-options.ts';
import type { RadioTimings } from './radio/radio-timings.ts';
import type { HostedRadioOptions, RadioHost } from './radio-host.ts';
import type { RotationStep } from './rotation.ts';
import { openSecretFiles, type SecretFiles } from './secret-files.ts';
import type { AgentTls } from './service-post.ts';
import type { AgentStatus } from './status.ts';

export interface AgentOptions {
  /** Folder of the state database; made when it is not there. */
  readonly stateDirectory: string;
  /** Folder of keys and enrolment (0700); made on the first start. */
  readonly keysDirectory: string;
  /** 32 octets from outside the disk; with it the key folder is sealed (secret-files.ts). */
  readonly hostKey?: Uint8Array;
  /** Base URL of the service; needed to enrol and to replace the signing key. */
  readonly serviceUrl: string;
  /** Of authorities and of the agent itself, where the service speaks TLS. */
  readonly tls?: AgentTls;
  /** One-time enrolment code; needed on the first start only. */
  readonly code?: string;
  /** Where the broker is now, if it moved since the enrolment. */
  readonly brokerUrl?: string;
  /** Open, in this process or in one of its own; the agent closes it. */
  readonly transport: HciTransport | RadioHost;
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
  /** How far the gateway's clock may be wrong, ms; absent where nobody says. */
  readonly heardWithinMs?: number;
  /** True for simulated, replayed and demonstration data: every leaf says so. */
  readonly test: boolean;
  readonly batch: { readonly maxLeaves: number; readonly maxAgeMs: number };
  /** Longest time without a batch. */
  readonly heartbeatMs: number;
  /** Octets that may wait for the service; {@link DEFAULT_CAPACITY_OCTETS} where it is left out. */
  readonly capacityOctets?: number;
  /** Longest wait of a reading for others to share its fsync. */
  readonly groupMs?: number;
  readonly publishing?: Partial<PublisherTuning>;
  readonly radio?: Partial<RadioTimings>;
  readonly log?: Log;
  /** Nothing can be made durable any more. The caller stops the process; a restart recovers. */
  readonly onFailure?: (error: unknown) => void;
  /** Told of each durable step toward a new signing key. */
  readonly onRotationStep?: (step: RotationStep) => void;
}

export interface Agent {
  /** Thumbprint of the agent's key: its name towards broker and service, as long as the key is not replaced. */
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
 * service refuses), `wrong-key`, `malformed`.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { transport } = options;
  try {
    const gateway = await openAgentGateway(options);
    try {
      const bonds = openBonds(options);
      dropForsaken(bonds, gateway);
      const radio = listen(gateway, bonds, options);
      gateway.pairings.bind(radio);
      return new RunningAgent(gateway, radio, isHost(transport) ? transport : undefined);
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
export type RadiolessOptions = Omit<AgentOptions, 'transport' | 'radio' | 'uptime'> & {
  readonly transport?: Pick<HciTransport, 'clock'>;
};

/** Keys, then state, then enrolment: a crash after each step is mended by the next start, which takes the same steps. */
export async function openAgentGateway(options: RadiolessOptions): Promise<Gateway> {
  const { stateDirectory, keysDirectory, transport, realNow = Date.now, log = SILENT } = options;
  const hasState = hasDatabase(stateDirectory);
  if (!hasState && isEnrolled(keysDirectory)) {
    throw new Fault('missing', `this agent is enrolled, but its state in ${stateDirectory} is gone; restore it`);
  }
  const files = openSecretFiles(keysDirectory, options.hostKey);
  if (!options.hostKey) log.warn({}, 'without a host key whoever has the disk has the keys on it');
  const keys = openKeys(files, !hasState);
  const next = loadNextKey(files);
  const db = openDatabase(stateDirectory, keys.agent, next && thumbprint(publicKeyOf(next.seed)));
  try {
    const enrolled = await loadOrEnrol(options, files, keys);
    const { url, password } = enrolled.broker;
    return await openGateway({
      db,
      keys,
      identity: new Identity(db, keys, next, enrolled),
      files,
      serviceUrl: options.serviceUrl,
      ...(options.tls && { tls: options.tls }),
      ...(options.onRotationStep && { onRotationStep: options.onRotationStep }),
      enrolled: { ...enrolled, broker: { url: options.brokerUrl ?? url, password } },
      forgetEnrolled: (isTheirs) => forgetAssigned(files, isTheirs),
      clock: options.clock ?? (transport ? () => transport.clock.now() : realNow),
      realNow,
      zoneOf: options.zoneOf,
      ...(options.heardWithinMs !== undefined && { heardWithinMs: options.heardWithinMs }),
      test: options.test,
      batch: options.batch,
      heartbeatMs: options.heartbeatMs,
      capacityOctets: options.capacityOctets ?? DEFAULT_CAPACITY_OCTETS,
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

async function loadOrEnrol(options: RadiolessOptions, files: SecretFiles, { signer }: AgentKeys): Promise<Enrolled> {
  const { keysDirectory, serviceUrl, code, tls, log = SILENT } = options;
  if (isEnrolled(keysDirectory)) return loadEnrolment(files);
  if (code === undefined) throw new Fault('missing', 'this agent is not enrolled yet: it needs a one-time code');
  const enrolled = await enrol({ files, signer, serviceUrl, code, ...(tls && { tls }) });
  log.info({ devices: enrolled.devices.size }, 'enrolled');
  return enrolled;
}

/** Keys of bonded devices, beside the other keys. */
function openBonds({ keysDirectory, hostKey }: AgentOptions): KeptBonds {
  const { storageKey } = openKeys(openSecretFiles(keysDirectory, hostKey), false);
  return openBondStore(join(keysDirectory, 'bonds'), storageKey);
}

/** The bond goes after the assignment is durably gone; what an end in between has left behind goes now. */
function dropForsaken(bonds: KeptBonds, gateway: Gateway): void {
  for (const device of bonds.devices()) if (!gateway.isAssigned(device)) bonds.remove(device);
}

function listen(gateway: Gateway, bonds: KeptBonds, agentOptions: AgentOptions): Radio {
  const { transport, uptime, zoneOf, radio: timings, log = SILENT } = agentOptions;
  const options = {
    profiles: PROFILES,
    wants(advertised) {
      gateway.pairings.noticed(advertised);
      return gateway.wants(advertised.address);
    },
    holdOffMs: (advertised) => policiesOf(advertised).holdOffMs ?? 0,
    policiesOf,
    bonds,
    // A device that was assigned may be paired when it asks; one that refuses the bond that we have, only while a person
    // pairs it, for anybody could pretend to have lost a key.
    mayPairAnew: (device) => gateway.pairings.mayPair(device),
    passkeyOf: (device) => gateway.pairings.passkeyOf(device),
    onSecurity({ device, at: _at, ...line }) {
      log.info(line, 'radio security');
      // A bond that the device has lost is not the end of it: it may be paired anew while a person wants that.
      if (line.what === 'failed' && line.failure) gateway.pairings.refused(device, line.failure);
    },
    onDevice: (device) => {
      gateway.meet(device).catch(() => undefined);
    },
    onBroadcast: (broadcast) => {
      gateway.overhear(broadcast, uptime && Math.round(broadcast.uptimeMs)).catch(() => undefined);
    },
    onClock: (clock) => {
      gateway.noteClock(clock).catch(() => undefined);
    },
    cursors: gateway.recordCursors,
    users: gateway.deviceUsers,
    zoneOf,
    onNotification: ({ uptimeMs, ...heard }) =>
      gateway.hear(uptime ? { ...heard, uptimeMs: Math.round(uptimeMs) } : heard),
    onLink: ({ device, state, at, mute }) => gateway.linkChanged(device, state, at, mute),
    uptime: uptime ?? (() => performance.now()),
    random: Math.random,
    log: (line) => log.info(line, 'radio'),
    ...(timings ? { timings } : {}),
  } satisfies HostedRadioOptions;
  return isHost(transport) ? transport.listen(options, gateway.wanted) : openRadio({ ...options, transport });
}

function isHost(transport: AgentOptions['transport']): transport is RadioHost {
  return 'listen' in transport;
}

class RunningAgent implements Agent {
  readonly #gateway: Gateway;
  readonly #radio: Radio;
  readonly #host: RadioHost | undefined;

  constructor(gateway: Gateway, radio: Radio, host: RadioHost | undefined) {
    this.#gateway = gateway;
    this.#radio = radio;
    this.#host = host;
  }

  get id(): AgentId {
    return this.#gateway.id;
  }

  async flush(): Promise<void> {
    await this.#radio.delivered();
    await this.#gateway.flush();
  }

  async settled(): Promise<void> {
    await this.#radio.delivered();
    await this.#gateway.settled();
  }

  status(): AgentStatus {
    return { ...this.#gateway.status(), ...(this.#host && { radioEnded: this.#host.ended }) };
  }

  async stop(): Promise<void> {
    await this.#radio.close();
    await this.#gateway.stop();
  }
}
