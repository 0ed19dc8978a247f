/** A wire that one can listen to, and hold: TCP to a port on this machine, every byte kept. */
import { connect, createServer, type Socket } from 'node:net';

export interface TcpTap {
  readonly port: number;
  /** Lets bytes through. Until then connections wait. */
  open(): void;
  /** From those who connected. */
  sent(): Buffer;
  /** To them. */
  received(): Buffer;
  close(): Promise<void>;
}

export async function openTcpTap(targetPort: number): Promise<TcpTap> {
  const sent: Buffer[] = [];
  const received: Buffer[] = [];
  const sockets = new Set<Socket>();
  const opened = Promise.withResolvers<void>();
  const server = createServer(async (near) => {
    keep(near);
    await opened.promise;
    const far = keep(connect(targetPort, '127.0.0.1'));
    near.on('data', (chunk: Buffer) => void sent.push(chunk));
    far.on('data', (chunk: Buffer) => void received.push(chunk));
    near.pipe(far);
    far.pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });

  function keep(socket: Socket): Socket {
    sockets.add(socket);
    socket.setNoDelay(true);
    return socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    open: () => opened.resolve(),
    sent: () => Buffer.concat(sent),
    received: () => Buffer.concat(received),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** One MQTT PUBLISH. */
export interface Published {
  readonly topic: string;
  readonly payload: Buffer;
}

/** The PUBLISH packets in one direction of one connection. MQTT 3.1.1 §2.2, §3.3 */
export function publishesIn(bytes: Buffer): Published[] {
  const found: Published[] = [];
  for (let at = 0; at < bytes.length; ) {
    const type = bytes[at]! >> 4;
    const qos = (bytes[at]! >> 1) & 3;
    let length = 0;
    let digits = 0;
    do length += (bytes[++at]! & 0x7f) * 128 ** digits++;
    while (bytes[at]! & 0x80);
    const body = bytes.subarray(at + 1, at + 1 + length);
    at += 1 + length;
    if (type !== 3 || body.length < length) continue;
    const topicEnd = 2 + body.readUInt16BE(0);
    found.push({
      topic: body.toString('utf8', 2, topicEnd),
      payload: body.subarray(topicEnd + (qos > 0 ? 2 : 0)),
    });
  }
  return found;
}
