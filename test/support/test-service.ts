/**
 * An honest little ingest service for tests of the agent: enrols over HTTP, runs a real MQTT broker, opens and checks
 * every envelope, keeps an agent's chain, and signs acknowledgements. It misbehaves only where a test asks it to.
 */
import { randomBytes } from 'node:crypto';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { inflateRawSync } from 'node:zlib';
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { Aedes } from 'aedes';
import { type Acknowledgement, signAcknowledgement } from '../../protocol/acknowledgement.ts';
import { type AgentAction, encodeActions } from '../../protocol/agent-action.ts';
import { batchRoot, ENVELOPE_INFO, NO_BATCH, openHeader, type SignedHeader } from '../../protocol/batch.ts';
import { decodeBase64Url, encodeBase64Url, encodeUtf8, equalBytes } from '../../protocol/bytes.ts';
import { signCommand } from '../../protocol/command.ts';
import { createSigner, toBeSigned } from '../../protocol/cose.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { type Assignment, type EnrolmentRequest, signEnrolment } from '../../protocol/enrolment.ts';
import { decodeContent, decodeEnvelope, envelopeAad, hpkeKeyId } from '../../protocol/envelope.ts';
import type { FaultCode, Retry } from '../../protocol/fault.ts';
import { agentIdOf, thumbprint } from '../../protocol/keys.ts';
import { decodeLeaf, type Leaf, type ReadingLeaf } from '../../protocol/leaf.ts';
import { decodePrivateMessage, encodePrivateMessage, privateAad, privateInfo } from '../../protocol/private-message.ts';
import { openReport, type Report } from '../../protocol/report.ts';
import { acknowledgementsTopic, batchesTopic, commandsTopic, reportsTopic } from '../../protocol/topics.ts';

/** A batch that was accepted. */
export interface HeldBatch extends SignedHeader {
  readonly leaves: readonly Leaf[];
}

/** What the service does wrong. */
export interface Misdeeds {
  /** So many signed words get lost. */
  loseAcknowledgements: number;
  /** Refuses a batch before looking at its place in the chain. */
  refuse: (sequence: number) => { code: FaultCode; retry: Retry } | undefined;
  /** Says that batches are in the log as soon as they are held. */
  log: boolean;
}

export class TestService {
  readonly signer = createSigner(new Uint8Array(randomBytes(32)));
  readonly batches: HeldBatch[] = [];
  readonly misdeeds: Misdeeds = { loseAcknowledgements: 0, refuse: () => undefined, log: true };
  /** Everything that was published, duplicates too. */
  readonly arrivals: { topic: string; sequence: number }[] = [];
  /** Sealed reports, as they came. */
  readonly reports: Uint8Array[] = [];
  readonly codes = new Map<string, readonly Assignment[]>();
  enrolments = 0;
  #suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
  #pair!: CryptoKeyPair;
  #hpkePublicKey!: Uint8Array;
  #agentKey: Uint8Array | undefined;
  #password = encodeBase64Url(randomBytes(24));
  #http = createHttpServer((request, response) => {
    this.#enrol(request).then(
      (answer) => response.end(JSON.stringify(answer)),
      () => response.writeHead(401).end('{"code":"expired"}'),
    );
  });
  #aedes: Aedes | undefined;
  #server: Server | undefined;
  #sockets = new Set<Socket>();
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  get brokerUrl(): string {
    return `mqtt://127.0.0.1:${this.#port}`;
  }

  /** All readings that are held, in the order of their batches. */
  get readings(): ReadingLeaf[] {
    return this.batches.flatMap(({ leaves }) => leaves.filter((leaf) => leaf.kind === 'reading'));
  }

  async start(): Promise<this> {
    this.#pair = await this.#suite.kem.generateKeyPair();
    this.#hpkePublicKey = new Uint8Array(await this.#suite.kem.serializePublicKey(this.#pair.publicKey));
    await new Promise<void>((resolve) => this.#http.listen(0, '127.0.0.1', resolve));
    await this.startBroker();
    return this;
  }

  async stop(): Promise<void> {
    await this.stopBroker();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  async startBroker(): Promise<void> {
    const aedes = await Aedes.createBroker();
    aedes.authenticate = (_client, username, password, done) =>
      done(null, username === this.#agentId() && password?.toString() === this.#password);
    aedes.authorizePublish = (client, packet, done) => {
      if (!client) return done(null);
      this.#receive(packet.topic, new Uint8Array(packet.payload as Buffer)).then(() => done(null), done);
    };
    aedes.on('subscribe', (subscriptions) => {
      if (subscriptions.some(({ topic }) => topic.endsWith('/acknowledgements'))) this.sayLogged();
    });
    const server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      aedes.handle(socket);
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#aedes = aedes;
    this.#server = server;
  }

  async stopBroker(): Promise<void> {
    const server = this.#server;
    const aedes = this.#aedes;
    this.#server = undefined;
    this.#aedes = undefined;
    const closed = new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
    await closed;
    await new Promise<void>((resolve) => (aedes ? aedes.close(() => resolve()) : resolve()));
  }

  /** Says up to where the log goes, as on every connect. */
  sayLogged(): void {
    const last = this.batches.at(-1);
    if (last && this.misdeeds.log) {
      this.send({ outcome: 'logged', batch: last.id, sequence: last.header.sequence, logIndex: 0 });
    }
  }

  send(ack: Omit<Acknowledgement, 'agent' | 'at'>, signer = this.signer): void {
    const agent = thumbprint(this.#agentKey!);
    this.sendRaw('acknowledgements', signAcknowledgement({ ...ack, agent, at: Date.now() }, signer));
  }

  command(number: number, subject: Uint8Array, permitted: boolean, expiresAt = Date.now() + 60_000): void {
    const agent = thumbprint(this.#agentKey!);
    this.sendRaw('commands', signCommand({ agent, number, expiresAt, collect: [{ subject, permitted }] }, this.signer));
  }

  /** Actions for the agent, sealed to the key that it told last. */
  async act(number: number, actions: readonly AgentAction[], expiresAt = Date.now() + 60_000): Promise<void> {
    const agent = thumbprint(this.#agentKey!);
    const hpkePublicKey = await this.#actionKey();
    const recipientPublicKey = await this.#suite.kem.deserializePublicKey(hpkePublicKey);
    const to = { keyId: hpkeKeyId(hpkePublicKey), agent };
    const params = { recipientPublicKey, info: privateInfo('action') };
    const { enc, ct } = await this.#suite.seal(params, encodeActions(actions), privateAad('action', to));
    const message = { ...to, encapsulated: new Uint8Array(enc), ciphertext: new Uint8Array(ct) };
    const sealed = encodePrivateMessage('action', message);
    this.sendRaw('commands', signCommand({ agent, number, expiresAt, actions: sealed }, this.signer));
  }

  async #actionKey(): Promise<Uint8Array> {
    for (;;) {
      for (const sealed of this.reports.toReversed()) {
        const { content } = await this.openReport(sealed);
        if (content.type === 'hello') return content.hpkePublicKey;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async openReport(sealed: Uint8Array): Promise<Report> {
    const to = { hpkePublicKey: this.#hpkePublicKey, agent: thumbprint(this.#agentKey!) };
    const message = decodePrivateMessage('report', sealed, to);
    const params = { recipientKey: this.#pair.privateKey, enc: message.encapsulated, info: privateInfo('report') };
    const plaintext = await this.#suite.open(params, message.ciphertext, privateAad('report', message));
    return openReport(new Uint8Array(plaintext), this.#agentKey!, verifyEd25519);
  }

  sendRaw(what: 'acknowledgements' | 'commands', payload: Uint8Array): void {
    const agent = this.#agentId()!;
    const topic = what === 'commands' ? commandsTopic(agent) : acknowledgementsTopic(agent);
    const packet = { cmd: 'publish', qos: 0, retain: false, dup: false, topic, payload: Buffer.from(payload) } as const;
    this.#aedes?.publish(packet, () => undefined);
  }

  #agentId() {
    return this.#agentKey && agentIdOf(this.#agentKey);
  }

  async #enrol(request: IncomingMessage): Promise<object> {
    let text = '';
    for await (const chunk of request) text += chunk;
    const { code, publicKey, proof } = JSON.parse(text) as EnrolmentRequest;
    const assignments = this.codes.get(code);
    const key = decodeBase64Url(publicKey);
    const proven = verifyEd25519(key, toBeSigned('enrolment', encodeUtf8(code)), decodeBase64Url(proof));
    if (request.url !== '/agent/enrolment' || !assignments || !proven) throw new Error('refused');
    this.codes.delete(code);
    this.#agentKey = key;
    this.enrolments++;
    return {
      enrolment: encodeBase64Url(signEnrolment(key, Date.now(), this.signer)),
      servicePublicKey: encodeBase64Url(this.signer.publicKey),
      hpkePublicKey: encodeBase64Url(this.#hpkePublicKey),
      broker: { url: this.brokerUrl, username: agentIdOf(key), password: this.#password },
      assignments,
    };
  }

  async #receive(topic: string, payload: Uint8Array): Promise<void> {
    if (topic === reportsTopic(this.#agentId()!)) return void this.reports.push(payload);
    if (topic !== batchesTopic(this.#agentId()!)) throw new Error('another topic');
    const batch = await this.#open(payload);
    const { header, id } = batch;
    const { sequence } = header;
    this.arrivals.push({ topic, sequence });
    const refusal = this.misdeeds.refuse(sequence);
    const last = this.batches.at(-1);
    const expected = (last?.header.sequence ?? 0) + 1;
    if (refusal) return this.#answer({ outcome: 'refused', batch: id, sequence, ...refusal });
    if (sequence < expected) {
      const isSame = equalBytes(this.batches[sequence - 1]!.id, id);
      if (isSame) return this.#answer({ outcome: 'duplicate', batch: id, sequence });
      return this.#answer({ outcome: 'refused', batch: id, sequence, code: 'forked', retry: 'never' });
    }
    if (sequence > expected) {
      const gap = { code: 'sequence-gap', retry: 'later', expected } as const;
      return this.#answer({ outcome: 'refused', batch: id, sequence, ...gap });
    }
    if (!equalBytes(header.previous, last?.id ?? NO_BATCH)) throw new Error('follows another batch');
    this.batches.push(batch);
    this.#answer({ outcome: 'held', batch: id, sequence, withheld: 0 });
    this.sayLogged();
  }

  #answer(ack: Omit<Acknowledgement, 'agent' | 'at'>): void {
    if (this.misdeeds.loseAcknowledgements > 0) {
      this.misdeeds.loseAcknowledgements--;
      return;
    }
    this.send(ack);
  }

  async #open(payload: Uint8Array): Promise<HeldBatch> {
    const envelope = decodeEnvelope(payload);
    const plaintext = await this.#suite.open(
      { recipientKey: this.#pair.privateKey, enc: envelope.encapsulated, info: ENVELOPE_INFO },
      envelope.ciphertext,
      envelopeAad(envelope),
    );
    const content = decodeContent(new Uint8Array(inflateRawSync(plaintext)));
    const signed = openHeader(content.signedHeader, this.#agentKey!, verifyEd25519);
    if (!equalBytes(batchRoot(content.segments), signed.header.root)) throw new Error('wrong root');
    return { ...signed, leaves: content.segments.flatMap(({ bodies }) => bodies.map(decodeLeaf)) };
  }
}
