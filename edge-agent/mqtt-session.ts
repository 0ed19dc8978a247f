/**
 * One MQTT 3.1.1 connection, from connect to its end; it is never mended. A new connection is a new session, so nothing
 * that the client library remembers can disagree with the outbox.
 */
import { connect, type MqttClient } from 'mqtt';
import type { AgentTls } from './service-post.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_S = 30;

export interface MqttSessionOptions {
  readonly url: string;
  /** User name and client id. */
  readonly agent: string;
  readonly password: string;
  /** For mqtts and wss. */
  readonly tls?: AgentTls;
  /** Subscribed, at QoS 1, before the session is handed out. */
  readonly topics: readonly string[];
  readonly onMessage: (topic: string, payload: Uint8Array) => void;
  /** Once, after the session was handed out. */
  readonly onEnd: () => void;
}

export interface MqttSession {
  /** Resolves when the broker took it (QoS 1), which is not custody. Rejects when the session ends before. */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  /** Resolves when the socket is closed; takes half a second at most. */
  close(): Promise<void>;
}

/** Connects and subscribes. Rejects when the broker cannot be reached or refuses; `signal` gives up at once. */
export function openMqttSession(options: MqttSessionOptions, signal: AbortSignal): Promise<MqttSession> {
  const { url, agent, password, topics, tls } = options;
  const client = connect(url, {
    protocolVersion: 4,
    clientId: agent,
    username: agent,
    password,
    clean: true,
    keepalive: KEEPALIVE_S,
    connectTimeout: CONNECT_TIMEOUT_MS,
    reconnectPeriod: 0,
    resubscribe: false,
    rejectUnauthorized: true,
    ...tls,
  });
  // Before the connection is there: a broker may send at once.
  client.on('message', (topic, payload) => options.onMessage(topic, new Uint8Array(payload)));
  return new Promise((resolve, reject) => {
    let isOpen = false;
    let lastError: Error | undefined;
    const giveUp = () => client.end(true);
    signal.addEventListener('abort', giveUp, { once: true });
    client.on('error', (error) => {
      lastError = error;
    });
    client.once('close', () => {
      signal.removeEventListener('abort', giveUp);
      client.end(true);
      if (isOpen) options.onEnd();
      else reject(lastError ?? new Error('the broker closed the connection'));
    });
    client.once('connect', () => {
      disableNagle(client);
      client.subscribe([...topics], { qos: 1 }, (error, granted) => {
        if (error || granted?.some(({ qos }) => qos > 1)) {
          lastError = error ?? new Error('the broker refused a subscription');
          client.end(true);
          return;
        }
        isOpen = true;
        resolve(toSession(client));
      });
    });
    if (signal.aborted) giveUp();
  });
}

function toSession(client: MqttClient): MqttSession {
  return {
    async publish(topic, payload) {
      await client.publishAsync(topic, Buffer.from(payload.buffer, payload.byteOffset, payload.length), { qos: 1 });
    },
    close() {
      return new Promise((resolve) => {
        const timer = setTimeout(() => client.end(true, () => resolve()), 400);
        client.end(false, () => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
  };
}

/** Nagle's algorithm would hold small packets back while others are unacknowledged. */
function disableNagle({ stream }: MqttClient): void {
  if ('setNoDelay' in stream && typeof stream.setNoDelay === 'function') stream.setNoDelay(true);
}
