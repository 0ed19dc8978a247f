/**
 * Sends what the outbox holds, in order of sequence, a window at a time, until the service's signed word arrives for
 * each. Whatever goes wrong, the answer is the same: after a while, send again all that is not held, in order.
 */
import { randomInt } from 'node:crypto';
import { type Acknowledgement, openAcknowledgement } from '../protocol/acknowledgement.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import { Fault, type FaultCode } from '../protocol/fault.ts';
import { type AgentId, encodeId } from '../protocol/keys.ts';
import { acknowledgementsTopic, batchesTopic, commandsTopic, reportsTopic } from '../protocol/topics.ts';
import type { Identity } from './identity.ts';
import { type Judgement, judge } from './judge.ts';
import type { Log } from './log.ts';
import { type MqttSession, openMqttSession } from './mqtt-session.ts';
import type { Outbox, OutboxChange } from './outbox.ts';
import type { AgentTls } from './service-post.ts';

/** Acknowledgements that arrive within it share a transaction. */
const GROUP_MS = 2;

/** Notes of what the broker took that wait for something more important. */
const NOTED_LIMIT = 256;

export interface PublisherTuning {
  /** Batches that may be under way without the service's word. */
  readonly window: number;
  /** How long to wait for the service's next word while batches are under way. */
  readonly acknowledgementMs: number;
  /** First and longest pause before sending or connecting again; it doubles from one to the other. */
  readonly retryMs: { readonly first: number; readonly longest: number };
}

export interface PublisherOptions {
  readonly identity: Identity;
  readonly outbox: Outbox;
  readonly brokerUrl: string;
  readonly tls?: AgentTls;
  /** Service's signing key, 32 octets. */
  readonly serviceKey: Uint8Array;
  readonly tuning: PublisherTuning;
  /** Payload of a command, not verified. */
  readonly onCommand: (signed: Uint8Array) => void;
  /** A connection to the broker is there. */
  readonly onConnected: () => void;
  /** Something in the outbox or in {@link Publisher.halted} changed. */
  readonly onChange: () => void;
  readonly onFailure: (error: unknown) => void;
  readonly log: Log;
}

export class Publisher {
  /** Refusals by code, for batches of ours and not. */
  readonly refused: Partial<Record<FaultCode, number>> = {};
  /** Messages that were not a signed word of the service. */
  ignored = 0;
  /** Leaves that consent did not allow the service to keep. */
  withheld = 0;
  /** Why nothing is sent any more. */
  halted: FaultCode | undefined;

  readonly #options: PublisherOptions;
  readonly #stop = new AbortController();
  #session: MqttSession | undefined;
  #connecting: Promise<void> | undefined;
  #cursor = 0;
  readonly #underWay = new Set<number>();
  #attempts = 0;
  #connectAttempts = 0;
  #againTimer: NodeJS.Timeout | undefined;
  #reconnectTimer: NodeJS.Timeout | undefined;
  #silenceTimer: NodeJS.Timeout | undefined;
  #changes: OutboxChange[] = [];
  #changeTimer: NodeJS.Timeout | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
    // A second history under one key cannot be mended by sending. Other refusals are tried once more after a restart.
    if (options.outbox.refusal()?.code === 'forked') this.halted = 'forked';
  }

  get connected(): boolean {
    return this.#session !== undefined;
  }

  /** Connects, and from then on keeps a connection. */
  start(): void {
    this.#connecting = this.#connect();
  }

  /** Sends what is new in the outbox. */
  wake(): void {
    this.#send();
  }

  /** Sends a sealed report, if there is a connection now; what is lost is not sent again. */
  sendReport(sealed: Uint8Array): void {
    this.#session?.publish(reportsTopic(this.#options.identity.session.id), sealed).catch(() => undefined);
  }

  /** Writes down what is known and disconnects; takes less than a second. */
  async stop(): Promise<void> {
    this.#stop.abort();
    for (const timer of [this.#againTimer, this.#reconnectTimer, this.#silenceTimer]) clearTimeout(timer);
    const session = this.#session;
    this.#session = undefined;
    await this.#connecting;
    await session?.close();
    this.#applyChanges();
  }

  async #connect(): Promise<void> {
    const { identity, brokerUrl: url, tls, log } = this.#options;
    const { id, password } = identity.session;
    const topics = [acknowledgementsTopic(id), commandsTopic(id)];
    try {
      const session = await openMqttSession(
        {
          url,
          agent: id,
          password,
          ...(tls && { tls }),
          topics,
          onMessage: (topic, payload) => (topic === topics[0] ? this.#hear(payload) : this.#options.onCommand(payload)),
          onEnd: () => this.#disconnected(),
        },
        this.#stop.signal,
      );
      if (this.#stop.signal.aborted) return await session.close();
      this.#session = session;
      this.#connectAttempts = 0;
      log.info({}, 'connected to the broker');
      this.#rewind();
      this.#options.onConnected();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      // MQTT 3.1.1 §3.2.2.3: 4 and 5 mean that the broker does not know our credential.
      const { code } = error as { code?: unknown };
      if (this.#connectAttempts === 0) log.warn({ code }, 'no connection to the broker, trying again');
      this.#reconnectLater();
    }
  }

  /** Lets the connection end; the next one, which follows by itself, is under the name that the agent has then. */
  async reconnect(): Promise<void> {
    this.#connectAttempts = 0;
    await this.#session?.close();
  }

  #disconnected(): void {
    if (this.#stop.signal.aborted) return;
    this.#session = undefined;
    this.#options.log.warn({}, 'lost the broker');
    this.#reconnectLater();
  }

  #reconnectLater(): void {
    this.#disarmSilence();
    this.#reconnectTimer = setTimeout(
      () => {
        this.#connecting = this.#connect();
      },
      this.#delay(this.#connectAttempts++),
    );
  }

  /** Doubles from try to try, between half and all of it at random: agents do not come back all at once. */
  #delay(attempt: number): number {
    const { first, longest } = this.#options.tuning.retryMs;
    const delay = Math.min(longest, first * 2 ** Math.min(attempt, 20));
    return Math.ceil(delay / 2) + randomInt(Math.ceil(delay / 2) + 1);
  }

  /** Starts over with the first batch that is not held. */
  #rewind(): void {
    clearTimeout(this.#againTimer);
    this.#againTimer = undefined;
    this.#cursor = 0;
    this.#underWay.clear();
    this.#send();
  }

  #send(): void {
    const { outbox, tuning, identity } = this.#options;
    const session = this.#session;
    if (!session || this.halted || this.#againTimer) return;
    while (this.#underWay.size < tuning.window) {
      const next = outbox.nextUnheld(this.#cursor);
      if (!next || !identity.mayTravel(next.sequence)) break;
      const { sequence, envelope } = next;
      this.#cursor = sequence;
      this.#underWay.add(sequence);
      session.publish(batchesTopic(encodeId(identity.ownerOf(sequence)) as AgentId), envelope).then(
        () => this.#note({ kind: 'published', sequence }),
        () => undefined, // the session ended; what follows it sends again
      );
    }
    if (this.#underWay.size > 0) this.#silenceTimer ??= this.#armSilence();
  }

  #armSilence(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#silenceTimer = undefined;
      if (this.#underWay.size > 0) this.#sendAgain();
    }, this.#options.tuning.acknowledgementMs);
  }

  /** What is sent next arms it anew. */
  #disarmSilence(): void {
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = undefined;
  }

  #sendAgain(): void {
    if (this.#againTimer || this.#stop.signal.aborted) return;
    this.#againTimer = setTimeout(() => this.#rewind(), this.#delay(this.#attempts++));
  }

  #hear(payload: Uint8Array): void {
    let ack: Acknowledgement;
    try {
      ack = openAcknowledgement(payload, this.#options.serviceKey, verifyEd25519);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.ignored++;
      return;
    }
    if (ack.outcome === 'refused' && ack.code) this.refused[ack.code] = (this.refused[ack.code] ?? 0) + 1;
    this.#obey(judge(ack, this.#factsOf(ack)));
  }

  #factsOf({ agent, batch, sequence }: Acknowledgement) {
    const { identity, outbox } = this.#options;
    const entry = batch && outbox.find(batch);
    const ours = sequence === undefined ? undefined : outbox.batchAt(sequence);
    return {
      isOurs: identity.isOurs(agent),
      lastSequence: outbox.lastSequence,
      firstUnheld: outbox.counts().firstUnheld,
      attempts: this.#attempts,
      ...(entry ? { entry } : {}),
      ...(ours ? { ours } : {}),
    };
  }

  #obey(judgement: Judgement): void {
    switch (judgement.kind) {
      case 'change':
        this.#note(judgement.change);
        return;
      case 'again':
        this.#sendAgain();
        return;
      case 'halt':
        this.#halt(judgement.code, judgement.sequence);
        return;
      case 'ignore':
        return;
    }
  }

  #halt(code: FaultCode, sequence: number | undefined): void {
    if (sequence !== undefined) this.#note({ kind: 'refused', sequence, code });
    if (this.halted) return;
    this.halted = code;
    this.#options.log.error({ code, sequence }, 'sending stopped; readings are still kept');
    this.#options.onChange();
  }

  #note(change: OutboxChange): void {
    this.#changes.push(change);
    // What the broker took is not worth an fsync of its own; but a service may be silent for weeks.
    if (change.kind === 'published' && this.#changes.length < NOTED_LIMIT) return;
    this.#changeTimer ??= setTimeout(() => this.#applyChanges(), GROUP_MS);
  }

  /** Makes what was noted durable. Only now may the next batches take the place of the held ones. */
  #applyChanges(): void {
    clearTimeout(this.#changeTimer);
    this.#changeTimer = undefined;
    const changes = this.#changes;
    if (changes.length === 0) return;
    this.#changes = [];
    try {
      this.#options.outbox.apply(changes);
    } catch (error) {
      this.#options.onFailure(error);
      return;
    }
    for (const change of changes) this.#settle(change);
    this.#options.onChange();
    this.#send();
  }

  #settle(change: OutboxChange): void {
    if (change.kind === 'waiting') this.#underWay.delete(change.sequence);
    if (change.kind !== 'held') return;
    if (this.#underWay.delete(change.sequence)) this.withheld += change.withheld;
    this.#attempts = 0;
    this.#disarmSilence();
  }
}
