/** A bad network of one's own: TCP to a port on this machine, with partitions, latency, a rate, cuts and resets. */
import { connect, createServer, type Socket } from 'node:net';

/** What happens to bytes, both ways. */
export interface Weather {
  /** Nothing passes and nothing is said about it; connections stay open, and new ones hang. */
  readonly partitioned?: boolean;
  /** Added to each way. */
  readonly latencyMs?: number;
  /** Octets a second, each way. */
  readonly rate?: number;
}

export interface ChaosProxy {
  readonly port: number;
  /** Connections that were made through it. */
  readonly connections: number;
  /** From now on. What was held back by a partition passes when it ends. */
  set(weather: Weather): void;
  /** Ends every connection, after what it has read: FIN. */
  cut(): void;
  /** Ends every connection in the middle of whatever it says: RST. */
  reset(): void;
  close(): Promise<void>;
}

const CHUNK = 1024;

export async function openChaosProxy(targetPort: number): Promise<ChaosProxy> {
  let weather: Weather = {};
  let changed = Promise.withResolvers<void>();
  let connections = 0;
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((near) => {
    connections++;
    const far = connect(targetPort, '127.0.0.1');
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.setNoDelay(true);
      from.on('error', () => undefined);
      from.on('close', () => {
        pairs.delete(pair);
        to.destroy();
      });
      pass(from, to).catch(() => to.destroy());
    }
  });

  async function pass(from: Socket, to: Socket): Promise<void> {
    for await (const bytes of from as AsyncIterable<Buffer>) {
      for (let at = 0; at < bytes.length; at += CHUNK) {
        const chunk = bytes.subarray(at, at + CHUNK);
        await hold(chunk.length);
        if (!to.writable) return;
        to.write(chunk);
      }
    }
    to.end();
  }

  async function hold(octets: number): Promise<void> {
    while (weather.partitioned) await changed.promise;
    const { latencyMs = 0, rate } = weather;
    const ms = latencyMs + (rate === undefined ? 0 : (octets / rate) * 1000);
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    while (weather.partitioned) await changed.promise;
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endAll = (end: (socket: Socket) => void) => {
    for (const pair of pairs) for (const socket of pair) end(socket);
    changed.resolve();
    changed = Promise.withResolvers();
  };
  return {
    port: (server.address() as { port: number }).port,
    get connections() {
      return connections;
    },
    set(next) {
      weather = next;
      changed.resolve();
      changed = Promise.withResolvers();
    },
    cut: () => endAll((socket) => socket.destroySoon()),
    reset: () => endAll((socket) => socket.resetAndDestroy()),
    async close() {
      weather = {};
      const closed = new Promise((resolve) => server.close(resolve));
      endAll((socket) => socket.destroy());
      await closed;
    },
  };
}
