/**
 * The embedded MQTT broker. Every agent has a credential and may publish its batches and reports and read its
 * acknowledgements and commands, nothing else. The intake runs inside `authorizePublish`, so that a PUBACK leaves only after the batch is
 * durable (or refused); what is refused is acknowledged all the same and then answered on the acknowledgements topic,
 * because a client would send it again for ever.
 */
import { timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { Aedes, type Client } from 'aedes';
import { MAX_ENVELOPE_OCTETS } from '../protocol/envelope.ts';
import { Fault } from '../protocol/fault.ts';
import type { AgentId } from '../protocol/keys.ts';
import { acknowledgementsTopic, agentOfBatchesTopic, commandsTopic, reportsTopic } from '../protocol/topics.ts';
import type { Counters } from './counters.ts';
import type { Intake } from './intake.ts';
import { createPacketGuard, type SwallowedPublish } from './packet-guard.ts';
import { type Agents, hashSecret } from './record/agents.ts';
import type { KeyEvents } from './record/key-events.ts';

/** Where everything goes that agents publish: nobody can subscribe to it. */
const NOWHERE = 'veravita/nowhere';
const EMPTY = Buffer.alloc(0);

/** Room for the topic and message id beside the largest envelope. */
const MAX_PACKET_OCTETS = MAX_ENVELOPE_OCTETS + 1024;

export interface BrokerDeps {
  readonly agents: Agents;
  /** A replaced key opens nothing; its batches come by the credential of the key that follows. */
  readonly keyEvents: Pick<KeyEvents, 'lineOf' | 'successionOf'>;
  readonly intake: Pick<Intake, 'receive' | 'refuse'>;
  readonly counters: Counters;
  /** Without it nothing is encrypted. */
  readonly tls?: ServiceTls;
  /** 0: any free port. */
  readonly port: number;
  /** Address to listen on; 127.0.0.1 by default. */
  readonly host?: string;
  /** Called when an agent has subscribed to its acknowledgements: the moment to repeat what it may have missed. */
  readonly onListening: (agent: AgentId) => void;
  /** Called with a sealed report of an agent, unchecked. */
  readonly onReport: (agent: AgentId, sealed: Uint8Array) => void;
}

/** PEM. */
export interface ServiceTls {
  readonly cert: string;
  readonly key: string;
  /** Authorities of the agents' certificates: the broker takes no connection without one of theirs. */
  readonly clientCa?: string;
}

export interface Broker {
  readonly url: string;
  /** Sends to an agent, if it is connected now; nothing is kept for later. */
  acknowledge(agent: AgentId, signed: Uint8Array): void;
  command(agent: AgentId, signed: Uint8Array): void;
  /** Ends the connections that an agent has now. */
  disconnect(agent: AgentId): void;
  stop(): Promise<void>;
}

export async function startBroker(deps: BrokerDeps): Promise<Broker> {
  const { agents, keyEvents, intake, counters, port, host = '127.0.0.1', onListening, onReport } = deps;
  const aedes = await Aedes.createBroker({ heartbeatInterval: 60_000, connectTimeout: 10_000 });
  const agentOf = new WeakMap<Client, AgentId>();

  aedes.preConnect = (_client, packet, done) => {
    if (!packet.will) return done(null, true);
    counters.add('mqtt.refused.will');
    done(new Error('wills are not used'), false);
  };

  aedes.authenticate = (client, username, password, done) => {
    // A client id that is another agent's would end that agent's connection (MQTT 3.1.1 §3.1.4).
    const known = username === undefined || username !== client.id ? undefined : agents.get(username);
    const agent = known && !keyEvents.successionOf(known.id) ? known : undefined;
    if (agent && password && timingSafeEqual(hashSecret(password.toString()), agent.credentialHash)) {
      agentOf.set(client, agent.id);
      return done(null, true);
    }
    counters.add('batches.refused.unknown-agent');
    done(Object.assign(new Error('unknown agent or wrong credential'), { returnCode: 4 }), null);
  };

  aedes.authorizePublish = (client, packet, done) => {
    const agent = client && agentOf.get(client);
    if (!agent) return done(null); // our own acknowledgements and commands
    const { topic, payload } = packet;
    // Batches stay between the agent and the intake, and what else an agent sends must reach no other agent: the broker
    // goes on with an empty packet, and only its PUBACK is the agent's.
    Object.assign(packet, { topic: NOWHERE, payload: EMPTY, retain: false });
    if (topic === reportsTopic(agent)) {
      onReport(agent, new Uint8Array(payload as Buffer));
      return done(null);
    }
    const signer = agentOfBatchesTopic(topic);
    if (signer === undefined || !(signer === agent || keyEvents.lineOf(agent).includes(signer))) {
      acknowledge(agent, intake.refuse(agent, new Fault('wrong-topic', 'not the own batches topic')));
      return done(null);
    }
    intake.receive(topic, new Uint8Array(payload as Buffer)).then(
      (answer) => {
        done(null);
        if (answer) acknowledge(agent, answer);
      },
      (error: Error) => done(error), // a bug: the connection ends and the agent keeps the batch
    );
  };

  aedes.authorizeSubscribe = (client, subscription, done) => {
    const agent = agentOf.get(client);
    const own = agent && [acknowledgementsTopic(agent), commandsTopic(agent)];
    if (own?.includes(subscription.topic)) return done(null, subscription);
    counters.add('mqtt.refused.subscription');
    done(null, null); // SUBACK 0x80, MQTT 3.1.1 §3.9.3
  };

  aedes.on('subscribe', (subscriptions, client) => {
    const agent = agentOf.get(client);
    if (agent && subscriptions.some(({ topic }) => topic === acknowledgementsTopic(agent))) onListening(agent);
  });
  aedes.on('clientError', () => counters.add('mqtt.errors'));
  aedes.on('connectionError', () => counters.add('mqtt.errors'));

  const sockets = new Set<Socket>();
  const clients = new Map<Socket, Client>();
  const serve = (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true); // small acknowledgements: Nagle costs a factor of six
    const guard = createPacketGuard({
      maxOctets: MAX_PACKET_OCTETS,
      onSwallowed: (publish) => refuseOversized(socket, client, publish),
    });
    guard.on('error', () => {
      counters.add('mqtt.refused.packet');
      socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      clients.delete(socket);
      guard.destroy();
      duplex.destroy();
    });
    const duplex = Duplex.from({ readable: socket.pipe(guard), writable: socket });
    duplex.on('error', () => socket.destroy());
    duplex.on('close', () => socket.destroy());
    const client = aedes.handle(duplex);
    clients.set(socket, client);
  };
  const server = deps.tls ? createTls(deps.tls, serve, () => counters.add('mqtt.refused.tls')) : createServer(serve);

  function refuseOversized(socket: Socket, client: Client, { messageId }: SwallowedPublish): void {
    const agent = agentOf.get(client);
    if (!agent) return void socket.destroy();
    if (messageId !== undefined) socket.write(Buffer.from([0x40, 2, messageId >> 8, messageId & 0xff])); // PUBACK
    acknowledge(agent, intake.refuse(agent, new Fault('too-large', 'message over 1 MiB')));
  }

  function acknowledge(agent: AgentId, signed: Uint8Array): void {
    send(acknowledgementsTopic(agent), signed);
  }

  function send(topic: string, payload: Uint8Array): void {
    if (aedes.closed) return;
    aedes.publish(
      { cmd: 'publish', topic, payload: Buffer.from(payload), qos: 0, retain: false, dup: false },
      () => undefined,
    );
  }

  await listen(server, port, host);
  const address = server.address() as { port: number };
  return {
    url: `${deps.tls ? 'mqtts' : 'mqtt'}://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    acknowledge,
    command: (agent, signed) => send(commandsTopic(agent), signed),
    disconnect(agent) {
      for (const [socket, client] of clients) if (agentOf.get(client) === agent) socket.destroy();
    },
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function createTls(
  { cert, key, clientCa }: ServiceTls,
  serve: (socket: Socket) => void,
  onRefused: () => void,
): Server {
  const required = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
  const server = createTlsServer({ cert, key, minVersion: 'TLSv1.2', ...required }, serve);
  return server.on('tlsClientError', onRefused);
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
}
