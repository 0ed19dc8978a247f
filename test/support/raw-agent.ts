/**
 * An enrolled agent without scruples: a real key, a real credential, mqtt.js as its client, and batches that it may build
 * as wrong as it likes. It keeps its chain, so that an honest batch is always at hand.
 */
import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { connect, type MqttClient } from 'mqtt';
import { createContentSealer, type SealContent } from '../../edge-agent/seal.ts';
import { type Acknowledgement, openAcknowledgement } from '../../protocol/acknowledgement.ts';
import { type BatchHeader, batchRoot, NO_BATCH, type Segment, signHeader } from '../../protocol/batch.ts';
import { decodeBase64Url, encodeBase64Url, encodeUtf8 } from '../../protocol/bytes.ts';
import { type Signer, toBeSigned } from '../../protocol/cose.ts';
import { publicKeyOf, signEd25519, verifyEd25519 } from '../../protocol/ed25519.ts';
import type { EnrolmentAnswer } from '../../protocol/enrolment.ts';
import { encodeContent } from '../../protocol/envelope.ts';
import { type AgentId, agentIdOf, deviceHandle, thumbprint } from '../../protocol/keys.ts';
import { encodeLeaf } from '../../protocol/leaf.ts';
import { acknowledgementsTopic, batchesTopic } from '../../protocol/topics.ts';
import type { SimulatedPatient } from '../../simulators/patients.ts';
import { readingLeaves } from './receipt-builder.ts';
import type { TestWorld } from './test-world.ts';
import { until } from './until.ts';

/** What a batch is made of; each part may be replaced. */
export interface Recipe {
  readonly segments?: readonly Segment[];
  readonly header?: Partial<BatchHeader>;
  readonly signer?: Signer;
  readonly plaintext?: (honest: Uint8Array) => Uint8Array;
  /** Compressed content, as it is encrypted. */
  readonly deflated?: (plaintext: Uint8Array) => Uint8Array;
  readonly sealContent?: SealContent;
}

export function newSigner(): Signer {
  const seed = new Uint8Array(randomBytes(32));
  return { publicKey: publicKeyOf(seed), sign: (message) => signEd25519(seed, message) };
}

export class RawAgent {
  readonly signer = newSigner();
  readonly id: AgentId = agentIdOf(this.signer.publicKey);
  readonly thumb = thumbprint(this.signer.publicKey);
  readonly acknowledgements: Acknowledgement[] = [];
  /** Messages that were no signed word of the service. */
  unreadable = 0;
  /** How often the connection ended. */
  closed = 0;
  client!: MqttClient;
  sealContent!: SealContent;
  /** The service's. */
  hpkePublicKey!: Uint8Array;
  password = '';
  #patient: SimulatedPatient;
  #device: Uint8Array;
  #sequence = 0;
  #previous: Uint8Array = NO_BATCH;
  #clock: number = Date.UTC(2026, 2, 1, 8);

  constructor(patient: SimulatedPatient, address: string) {
    this.#patient = patient;
    this.#device = deviceHandle(patient.subject, 'random', address);
  }

  /** Sequence and id of its newest batch that was accepted. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Leaves of so many heart rates, a second apart. */
  segment(count = 3, subject = this.#patient.subject, device = this.#device): Segment {
    const bodies = Array.from({ length: count }, (_, i) => {
      this.#clock += 1000;
      const hex = `06${(60 + (i % 40)).toString(16)}`;
      const [leaf] = readingLeaves({ characteristic: 0x2a37, hex, heardAt: this.#clock });
      return encodeLeaf({ ...leaf!, subject, device });
    });
    return { key: new Uint8Array(randomBytes(32)), start: 0, bodies };
  }

  /** Header and envelope of the batch that would be next. */
  async craft(recipe: Recipe = {}): Promise<{ id: Uint8Array; envelope: Uint8Array; header: BatchHeader }> {
    const segments = recipe.segments ?? [this.segment()];
    const header: BatchHeader = {
      agent: this.thumb,
      boot: new Uint8Array(16),
      sequence: this.#sequence + 1,
      previous: this.#previous,
      openedAt: this.#clock - 60_000,
      closedAt: this.#clock,
      leafCount: segments.reduce((sum, { bodies }) => sum + bodies.length, 0),
      root: batchRoot(segments),
      ...recipe.header,
    };
    const { signed, id } = signHeader(header, recipe.signer ?? this.signer);
    const content = encodeContent({ signedHeader: signed, segments });
    const plaintext = recipe.plaintext?.(content) ?? content;
    const deflated = recipe.deflated?.(plaintext) ?? deflateRawSync(plaintext);
    const envelope = await (recipe.sealContent ?? this.sealContent)(deflated, this.thumb);
    return { id, envelope, header };
  }

  /** Publishes at QoS 1, waits for the broker's and then for the service's word. */
  async send(payload: Uint8Array, topic: string = batchesTopic(this.id)): Promise<Acknowledgement> {
    const before = this.acknowledgements.length;
    await this.client.publishAsync(topic, Buffer.from(payload), { qos: 1 });
    await until('an answer of the service', () => this.acknowledgements.length > before);
    return this.acknowledgements.at(-1)!;
  }

  /** An honest batch, from which the chain goes on. */
  async sendGood(recipe: Recipe = {}): Promise<{ answer: Acknowledgement; envelope: Uint8Array }> {
    const { envelope, header, id } = await this.craft(recipe);
    const answer = await this.send(envelope);
    if (answer.outcome === 'held') {
      this.#sequence = header.sequence;
      this.#previous = id;
    }
    return { answer, envelope };
  }
}

/** Enrols a new agent for a strap of a patient, connects it and subscribes to its acknowledgements. */
export async function openRawAgent(world: TestWorld, patient: SimulatedPatient, address: string): Promise<RawAgent> {
  const agent = new RawAgent(patient, address);
  const code = world.service.createEnrolmentCode([{ patient: patient.id, address, addressType: 'random' }]);
  const proof = agent.signer.sign(toBeSigned('enrolment', encodeUtf8(code)));
  const response = await fetch(`${world.service.url}/agent/enrolment`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      code,
      publicKey: encodeBase64Url(agent.signer.publicKey),
      proof: encodeBase64Url(proof),
    }),
  });
  const answer = (await response.json()) as EnrolmentAnswer;
  agent.hpkePublicKey = decodeBase64Url(answer.hpkePublicKey);
  agent.sealContent = await createContentSealer(agent.hpkePublicKey);
  agent.password = answer.broker.password;
  await connectRawAgent(world, agent);
  return agent;
}

/** Connects, or connects again, and subscribes to its acknowledgements. Rejects when the broker refuses. */
export async function connectRawAgent(world: TestWorld, agent: RawAgent): Promise<void> {
  const { id: username, password } = agent;
  agent.client = connect(world.service.brokerUrl, { clientId: username, username, password, reconnectPeriod: 0 });
  agent.client.on('message', (_topic, payload) => {
    try {
      const word = openAcknowledgement(new Uint8Array(payload), world.service.publicKey, verifyEd25519);
      // That something is logged comes when it comes, and answers nothing.
      if (word.outcome !== 'logged') agent.acknowledgements.push(word);
    } catch {
      agent.unreadable++;
    }
  });
  agent.client.on('close', () => agent.closed++);
  agent.client.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    agent.client.once('connect', () => resolve());
    agent.client.once('close', () => reject(new Error('refused')));
  });
  await agent.client.subscribeAsync(acknowledgementsTopic(agent.id), { qos: 1 });
}
