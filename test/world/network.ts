/**
 * The network of a world: node:net and fetch of simulated processes, in memory. Octets arrive in order and late; a
 * connection may be refused, cut in the middle of a packet, or be gone for one end only.
 */
import http from 'node:http';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { Server } from 'node:net';
import { Duplex } from 'node:stream';
import type { Random } from '../../simulators/random.ts';
import type { SimProcess } from './machine.ts';
import { here, replace } from './patches.ts';
import type { Scheduler } from './scheduler.ts';

const require = createRequire(import.meta.url);

/** Port on which every simulated service answers HTTP, and MQTT. */
export const HTTP_PORT = 8080;
export const MQTT_PORT = 1883;

/** Says what becomes of octets on their way; by default they go on. Answers what goes on to `to`. */
export type Tamper = (bytes: Buffer, to: 'server' | 'client', connection: Connection) => Buffer;

/** One end of a connection. */
class SimSocket extends Duplex {
  readonly owner: SimProcess;
  remoteAddress = '127.0.0.1';
  readonly #onBytes: (bytes: Buffer) => void;
  readonly #onGone: () => void;

  constructor(owner: SimProcess, onBytes: (bytes: Buffer) => void, onGone: () => void) {
    super({ allowHalfOpen: false });
    this.owner = owner;
    this.#onBytes = onBytes;
    this.#onGone = onGone;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  setTimeout(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#onBytes(Buffer.from(chunk));
    done();
  }
  override _final(done: () => void): void {
    this.#onGone();
    done();
  }
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#onGone();
    done(error);
  }
}

interface Listener {
  readonly server: Server;
  readonly process: SimProcess;
}

export class Network {
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Longest time on the way, ms. */
  latencyMs = 5;
  /** How likely it is that octets end their connection. */
  cutRate = 0;
  /** While true, nobody gets through. */
  isDown = false;
  tamper: Tamper = (bytes) => bytes;
  readonly listeners = new Map<number, Listener>();
  readonly connections = new Set<Connection>();

  constructor(scheduler: Scheduler, random: Random) {
    this.scheduler = scheduler;
    this.random = random;
  }

  connect(owner: SimProcess, port: number): SimSocket {
    return new Connection(this, owner, port).client;
  }

  listen(server: Server, process: SimProcess, port: number): void {
    this.listeners.set(port, { server, process });
    process.onDeath.push(() => {
      if (this.listeners.get(port)?.process === process) this.listeners.delete(port);
    });
  }
}

export class Connection {
  readonly client: SimSocket;
  readonly port: number;
  /** Free for whoever tampers with it. */
  readonly notes = new Map<string, unknown>();
  server: SimSocket | undefined;
  readonly #network: Network;
  readonly #early: Buffer[] = [];
  readonly #arrival = { server: 0, client: 0 };
  #over = false;

  constructor(network: Network, owner: SimProcess, port: number) {
    this.#network = network;
    this.port = port;
    this.client = new SimSocket(
      owner,
      (bytes) => this.#sent(bytes, 'server'),
      () => this.#left(this.client),
    );
    owner.onDeath.push(() => this.#died(this.client));
    network.connections.add(this);
    network.scheduler.at(owner, this.#when('server'), () => this.#arrive());
  }

  /** Both ends learn that it is over; one of them perhaps much later. */
  cut(): void {
    const { random, scheduler } = this.#network;
    if (this.#over) return;
    this.#over = true;
    this.#network.connections.delete(this);
    const late = random() < 0.2 ? 40_000 * random() : 10 * random();
    const [first, second] = random() < 0.5 ? [this.client, this.server] : [this.server, this.client];
    for (const [socket, wait] of [
      [first, 1],
      [second, late],
    ] as const) {
      if (socket) scheduler.at(socket.owner, scheduler.now + wait, () => socket.destroy(reset()));
    }
  }

  /** Puts octets into the stream to one end, as if the other had sent them. */
  deliver(bytes: Buffer, to: 'server' | 'client'): void {
    if (this.#over || bytes.length === 0) return;
    const { random, scheduler, cutRate } = this.#network;
    const socket = to === 'server' ? this.server : this.client;
    if (!socket) {
      if (to === 'server') this.#early.push(bytes);
      return;
    }
    const isLast = cutRate > 0 && random() < cutRate;
    const part = isLast ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes;
    scheduler.at(socket.owner, this.#when(to), () => {
      if (!socket.destroyed && part.length > 0) socket.push(part);
    });
    if (isLast) this.cut();
  }

  #sent(bytes: Buffer, to: 'server' | 'client'): void {
    if (this.#over) return;
    this.deliver(this.port === MQTT_PORT ? this.#network.tamper(bytes, to, this) : bytes, to);
  }

  #arrive(): void {
    const { scheduler, listeners, isDown } = this.#network;
    const listener = listeners.get(this.port);
    if (this.#over) return;
    if (isDown || !listener?.process.alive) {
      this.#over = true;
      this.#network.connections.delete(this);
      this.client.destroy(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));
      return;
    }
    const { server, process } = listener;
    process.onDeath.push(() => {
      if (!this.server) this.cut();
    });
    scheduler.at(process, this.#when('server'), () => {
      if (this.#over) return;
      const socket = new SimSocket(
        process,
        (bytes) => this.#sent(bytes, 'client'),
        () => this.#left(socket),
      );
      this.server = socket;
      process.onDeath.push(() => this.#died(socket));
      server.emit('connection', socket);
      for (const bytes of this.#early.splice(0)) this.deliver(bytes, 'server');
    });
    this.client.emit('connect');
  }

  /** One end closed it: the other reads the end after what was sent. */
  #left(socket: SimSocket): void {
    if (this.#over) return;
    this.#over = true;
    this.#network.connections.delete(this);
    const other = socket === this.client ? this.server : this.client;
    if (!other) return;
    this.#network.scheduler.at(other.owner, this.#when(other === this.server ? 'server' : 'client'), () => {
      if (other.destroyed) return;
      other.push(null);
      this.#network.scheduler.soon(other.owner, () => other.destroy());
    });
  }

  /** The process of one end is gone; nobody says goodbye. */
  #died(socket: SimSocket): void {
    const { random, scheduler } = this.#network;
    if (this.#over) return;
    this.#over = true;
    this.#network.connections.delete(this);
    const other = socket === this.client ? this.server : this.client;
    if (!other?.owner.alive) return;
    const late = random() < 0.2 ? 20_000 * random() : 5 * random();
    scheduler.at(other.owner, scheduler.now + late, () => other.destroy(reset()));
  }

  #when(to: 'server' | 'client'): number {
    const { scheduler, random, latencyMs } = this.#network;
    this.#arrival[to] = Math.max(this.#arrival[to], scheduler.now + 0.2 + random() * latencyMs);
    return this.#arrival[to];
  }
}

function reset(): Error {
  return Object.assign(new Error('reset'), { code: 'ECONNRESET' });
}

let network: Network | undefined;

/** Puts a network under all simulated processes, or takes it away. */
export function wire(to: Network | undefined): void {
  network = to;
}

function netHere(): { network: Network; process: SimProcess } | undefined {
  const process = here()?.process as SimProcess | undefined;
  return process && network && { network, process };
}

const net = require('node:net') as typeof import('node:net');
for (const name of ['createConnection', 'connect']) {
  replace(net, name, (real) => (...args: never[]) => {
    const at = netHere();
    return at ? at.network.connect(at.process, ((args as unknown[])[0] as { port: number }).port) : real(...args);
  });
}
replace(
  net.Server.prototype,
  'listen',
  (real) =>
    function (this: Server, ...args: never[]) {
      const at = netHere();
      if (!at) return real.apply(this, args);
      const options = (args as unknown[]).find((arg) => typeof arg === 'object') as { port?: number } | undefined;
      const port = options?.port ?? Number(args[0]);
      at.network.listen(this, at.process, port);
      Object.defineProperty(this, 'listening', { value: true, writable: true, configurable: true });
      this.address = () => ({ address: '127.0.0.1', family: 'IPv4', port });
      const done = (args as unknown[]).findLast((arg) => typeof arg === 'function') as (() => void) | undefined;
      if (done) this.once('listening', done);
      at.network.scheduler.soon(at.process, () => this.emit('listening'));
      return this;
    },
);
replace(
  net.Server.prototype,
  'close',
  (real) =>
    function (this: Server, done?: (error?: Error) => void) {
      const at = netHere();
      if (!at) return real.call(this, done);
      for (const [port, { server }] of at.network.listeners) if (server === this) at.network.listeners.delete(port);
      Object.defineProperty(this, 'listening', { value: false, writable: true, configurable: true });
      at.network.scheduler.soon(at.process, () => {
        this.emit('close');
        done?.();
      });
      return this;
    },
);
replace(globalThis, 'fetch', (real) => (url: string | URL, init: RequestInit = {}) => {
  const at = netHere();
  if (!at) return real(url, init);
  return new Promise((resolve, reject) => {
    const { pathname, search, host } = new URL(url);
    const { method = 'GET', body } = init;
    const request = http.request(
      {
        host,
        path: pathname + search,
        method,
        headers: { ...(init.headers as Record<string, string>) },
        createConnection: () => at.network.connect(at.process, HTTP_PORT) as never,
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const headers = { 'content-type': response.headers['content-type'] ?? '' };
          resolve(new Response(Buffer.concat(parts), { status: response.statusCode ?? 500, headers }));
        });
      },
    );
    request.on('error', reject);
    request.end(body as string | undefined);
  });
});
syncBuiltinESMExports();
