/**
 * The ingest service, wired: intake, pipeline, record, consent and HTTP over the journals it is given. It listens on
 * loopback unless it is told otherwise.
 */

import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Journal } from '../journal/journal.ts';
import { signAcknowledgement } from '../protocol/acknowledgement.ts';
import type { AgentAction } from '../protocol/agent-action.ts';
import { type Command, signCommand } from '../protocol/command.ts';
import type { ConsentState } from '../protocol/consent-chain.ts';
import type { Verify } from '../protocol/cose.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import { type AgentId, decodeId } from '../protocol/keys.ts';
import type { NoteKey } from '../protocol/signed-note.ts';
import type { Clock } from '../protocol/time.ts';
import type { ReadTile } from '../protocol/tlog-tiles.ts';
import { createAgentVoices } from './agent-voice.ts';
import { type AgentWatch, createAgentWatch } from './agent-watch.ts';
import { watchAnchors } from './anchors.ts';
import { type Broker, type ServiceTls, startBroker } from './broker.ts';
import { collectsFrom } from './consent/collect.ts';
import { createCorrecting } from './correcting.ts';
import { type Counters, createCounters } from './counters.ts';
import { createEnrolmentCode } from './enrolment.ts';
import type { ErasingStep } from './erasure/erasing.ts';
import { openErasing } from './erasure/open-erasing.ts';
import { createFeed } from './feed.ts';
import { createFiler } from './filer.ts';
import { buildApp } from './http/app.ts';
import { createSessions } from './http/sessions.ts';
import type { Identity } from './identity.ts';
import { startIntake } from './intake.ts';
import { rotateKey } from './key-changes.ts';
import { openServiceKeys } from './keys.ts';
import { createPairing } from './pairing.ts';
import { startPipeline } from './pipeline.ts';
import type { DeviceAssignment } from './record/agents.ts';
import type { Patient } from './record/patients.ts';
import { openRecordSqlite, type RecordStore } from './record/record-sqlite.ts';
import { createSight, type Sight } from './sight.ts';
import { createStanding } from './standing.ts';
import { createUnsealer } from './unseal.ts';

export interface ServiceConfig {
  /** Folder of the record. */
  readonly directory: string;
  /** Folder of the service's secrets. */
  readonly keysDirectory: string;
  readonly inbox: Journal;
  /** To the ledger writer, and back from it. */
  readonly commitments: Journal;
  readonly positions: Journal;
  /** A public file of the log by its C2SP path. */
  readonly readLog: ReadTile;
  readonly logKey: NoteKey;
  readonly clock: Clock;
  /** Milliseconds from any origin, never going back. */
  readonly monotonic: () => number;
  /** 0: any free port. */
  readonly httpPort: number;
  readonly mqttPort: number;
  /** For HTTP and the broker; without it nothing is encrypted. */
  readonly tls?: ServiceTls;
  /** Address to listen on; 127.0.0.1 by default. */
  readonly host?: string;
  /** What agents are told as the broker's address, where it is not the one that it listens on. */
  readonly brokerUrl?: string;
  /** Folder with the built pages. */
  readonly pages?: string;
  /** The log's public files, which an erasure looks through as well. */
  readonly logDirectory?: string;
  /** Told of each step of an erasure. */
  readonly onErasingStep?: (step: ErasingStep) => void;
}

export interface IngestService {
  readonly url: string;
  readonly brokerUrl: string;
  readonly publicKey: Uint8Array;
  readonly store: RecordStore;
  readonly sight: Sight;
  readonly counters: Counters;
  /** A one-time sign-in link's secret. */
  createLink(who: Identity): string;
  createEnrolmentCode(assignments: readonly DeviceAssignment[]): string;
  /** The inbox is filed and the ledger writer has the commitments. */
  caughtUp(): Promise<void>;
  stop(): Promise<void>;
}

const UPKEEP_MS = 2_000;

/** One log entry in this time for all disclosures, so that the log does not tell when somebody looked. */
const DISCLOSURE_HEADS_MS = 60_000;

/** How long a command to an agent is good for. */
const COMMAND_VALID_MS = 60_000;

export async function startIngestService(config: ServiceConfig): Promise<IngestService> {
  const { clock, inbox, commitments, positions, host = '127.0.0.1' } = config;
  const recordPath = join(config.directory, 'record.sqlite');
  const keys = openServiceKeys(config.keysDirectory, !existsSync(recordPath));
  const verify: Verify = verifyEd25519;
  const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());
  const store = openRecordSqlite({ path: recordPath, keyEncryptionKey: keys.keyEncryptionKey, verify });
  const counters = createCounters();
  const unsealer = await createUnsealer(keys.hpkeSecret);
  const voices = await createAgentVoices({
    hpkeSecret: keys.hpkeSecret,
    publicKeyOf: (agent) => store.agents.get(agent)?.publicKey,
    verify,
  });
  const sight = createSight(store, clock);
  const anchors = await watchAnchors(config.readLog, () => feed.anchored());
  const standingOf = createStanding(store, verify, anchors.countOf);
  const feed = createFeed(sight, standingOf, clock);
  const correcting = createCorrecting({ store, signer: keys.signer, verify, clock });
  const sessions = createSessions({ store, clock, monotonic: config.monotonic, verify });
  const erasing = openErasing({
    ...{ store, signer: keys.signer, verify, clock, counters, inbox, directory: config.directory },
    ...(config.logDirectory && { logDirectory: config.logDirectory }),
    forget,
    trimInbox: (mark) => pipeline.trimInbox(mark),
    act,
    relay,
    ...(config.onErasingStep && { onStep: config.onErasingStep }),
  });
  const pairing = createPairing({ store, clock, counters, standingOf, voices, act, erasing });
  // Before anything is shown or filed, so that a record that was restored does not bring back what was erased since.
  erasing.resume();
  const filer = createFiler({
    ...{ store, clock, counters, correcting },
    onFiled(filing) {
      feed.filed(filing);
      for (const patient of new Set(filing.corrected)) feed.changed(patient);
      pairing.filed(filing);
    },
  });
  const intake = await startIntake({ store, inbox, keys, unsealer, verify, sha256, clock, counters, filer });

  /** What each agent was told last: consent to collect, and how far the log is. */
  const told = new Map<AgentId, string>();
  const logged = new Map<AgentId, number>();
  let headsAt = clock();
  let watch: AgentWatch | undefined;

  // The broker takes batches as soon as it listens, so it comes after everything that they need.
  const broker: Broker = await startBroker({
    agents: store.agents,
    keyEvents: store.keyEvents,
    intake,
    counters,
    port: config.mqttPort,
    host,
    ...(config.tls && { tls: config.tls }),
    onListening(agent) {
      told.delete(agent);
      tellConsent(agent);
      tellLogged(agent, 0);
    },
    onReport: (agent, sealed) => void pairing.hear(agent, sealed).then(() => watch?.heard()),
  });
  const pipeline = startPipeline({
    store,
    inbox,
    commitments,
    positions,
    inboxKey: keys.inboxKey,
    clock,
    counters,
    filer,
    onLogged() {
      for (const agent of store.agents.ids()) tellLogged(agent, logged.get(agent) ?? 0);
      feed.logged();
    },
  });

  watch = createAgentWatch({
    store,
    broker,
    intake,
    pipeline,
    counters,
    clock,
    act,
    onRevoked: tellConsent,
  });
  const enders = new Set<() => void>();
  const upkeep = setInterval(keepUp, UPKEEP_MS);
  const enrolment = {
    store,
    signer: keys.signer,
    hpkePublicKey: unsealer.publicKey,
    verify,
    clock,
    brokerUrl: () => config.brokerUrl ?? broker.url,
  };
  const app = await buildApp({
    store,
    sight,
    sessions,
    feed,
    standingOf,
    receiptSources: { store, readLog: config.readLog, logKey: config.logKey },
    enrolment,
    rotate,
    pairing,
    counters,
    clock,
    ...(config.pages && { pages: config.pages }),
    ...(config.tls && { tls: config.tls }),
    appendConsent,
    erasing,
    erase,
    correcting,
    onCorrected(patient) {
      counters.add('readings.corrected');
      feed.changed(patient);
      relay();
    },
    onClose(end) {
      enders.add(end);
      return () => void enders.delete(end);
    },
  });
  const url = await app.listen({ host, port: config.httpPort });
  relay(); // what a crash kept from being handed over
  void erasing.goOn();

  /** An agent brings its next key: whoever is connected under the old name has to come under the new one. */
  function rotate(request: { readonly rotation: string }): { readonly keyEvent: string } {
    const { headOf, acceptedId } = intake;
    const { from, keyEvent } = rotateKey({ ...enrolment, headOf, acceptedId }, request);
    counters.add('agents.rotated');
    broker.disconnect(from);
    relay();
    return { keyEvent };
  }

  async function appendConsent(patient: Patient, signed: Uint8Array): Promise<ConsentState> {
    let state: ConsentState;
    try {
      state = store.transaction(() => store.consents.append(patient, signed));
    } catch (error) {
      store.consents.forget(patient);
      throw error;
    }
    // In effect from here: everything asks the state that this transaction wrote.
    counters.add('consent.events');
    for (const agent of store.agents.agentsOf(patient.id)) tellConsent(agent);
    feed.changed(patient);
    relay();
    return state;
  }

  /** On the patient's own signed event: the answer is the erasure's id, and the keys are destroyed before it is given. */
  function erase(patient: Patient, signed: Uint8Array): Uint8Array {
    const id = erasing.erase(patient, signed);
    counters.add('consent.events');
    void erasing.goOn();
    return id;
  }

  function forget(patient: Patient): void {
    store.consents.forget(patient);
    store.patients.forget(patient);
    sessions.forget(patient.id);
    sight.forget(patient);
    feed.forget(patient);
    pairing.forget(patient);
  }

  /** Tells an agent whom it may listen to, when that is not what it was told last. */
  function tellConsent(agent: AgentId): void {
    const at = clock();
    const isRevoked = store.keyEvents.revocationOf(agent) !== undefined;
    const collect = store.agents.patientsOf(agent).flatMap((id) => {
      const patient = store.patients.byId(id);
      const permitted = patient && !isRevoked && collectsFrom(store.consents.state(patient), undefined, at);
      return patient ? [{ subject: patient.subject, permitted: permitted === true }] : [];
    });
    const state = collect.map(({ permitted }) => permitted).join();
    if (told.get(agent) === state) return;
    try {
      command(agent, { collect });
      told.set(agent, state);
    } catch {
      counters.add('commands.failed'); // the gate decides all the same, and the next look tries again
    }
  }

  function command(agent: AgentId, wish: Pick<Command, 'collect' | 'actions'>): void {
    const number = store.agents.nextCommandNumber(agent);
    const head = { agent: decodeId(agent), number, expiresAt: clock() + COMMAND_VALID_MS };
    broker.command(agent, signCommand({ ...head, ...wish }, keys.signer));
  }

  async function act(agent: AgentId, actions: readonly AgentAction[]): Promise<boolean> {
    const sealed = await voices.seal(agent, actions);
    if (sealed) command(agent, { actions: sealed });
    return sealed !== undefined;
  }

  /** Tells an agent how far its batches are in the log, when that is further than it was told. */
  function tellLogged(agent: AgentId, before: number): void {
    const sequence = store.batches.loggedUpTo(agent);
    if (sequence <= before) return;
    logged.set(agent, sequence);
    const about = { agent: decodeId(agent), outcome: 'logged', at: clock(), sequence } as const;
    broker.acknowledge(agent, signAcknowledgement(about, keys.signer));
  }

  /** What happens by the clock: grants begin and end, denials become durable, disclosures go to the log. */
  function keepUp(): void {
    watch?.look();
    for (const agent of store.agents.ids()) tellConsent(agent);
    void erasing.goOn();
    try {
      sight.writeDenials();
      if (clock() - headsAt >= DISCLOSURE_HEADS_MS) {
        store.transaction(() => store.disclosures.commitHeads(new Uint8Array(randomBytes(32))));
        headsAt = clock();
      }
    } catch {
      counters.add('upkeep.failed');
    }
    relay();
  }

  function relay(): void {
    pipeline.relay().catch(() => counters.add('relay.failed'));
  }

  return {
    url,
    brokerUrl: broker.url,
    publicKey: keys.signer.publicKey,
    store,
    sight,
    counters,
    createLink: (who) => sessions.createLink(who),
    createEnrolmentCode: (assignments) => createEnrolmentCode({ store, clock }, assignments),
    caughtUp: () => pipeline.caughtUp(),
    async stop() {
      clearInterval(upkeep);
      watch = undefined;
      anchors.stop();
      await broker.stop();
      for (const end of enders) end();
      await app.close();
      await erasing.stop();
      await pipeline.stop();
      sight.writeDenials();
      store.close();
    },
  };
}
