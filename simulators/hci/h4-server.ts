/**
 * Serves a virtual controller in H4 framing (Core 5.2 Vol 4 Part A), on a unix socket or a TCP port of this machine, to
 * one host at a time. Simulated time travels as the vendor event of `encodeStamp`: it stamps what follows, and comes
 * whenever the time has changed.
 */

import { once } from 'node:events';
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { ACL_DATA, COMMAND, encodeStamp } from './hci-packets.ts';
import type { VirtualController } from './virtual-controller.ts';

/** Real milliseconds between stamps while nothing else is sent, so that the host's clock does not stand still. */
const STAMP_EVERY_MS = 200;

/** A unix socket for this user only; or a port on loopback, where any user of this machine may connect. 0: any free one. */
export type H4Place = { readonly path: string } | { readonly port: number; readonly host?: LoopbackHost };

/** H4 is neither encrypted nor authenticated, so nobody else's machine is listened to. */
export const LOOPBACK_HOSTS = ['127.0.0.1', '::1'] as const;
export type LoopbackHost = (typeof LOOPBACK_HOSTS)[number];

export interface H4Server {
  /** The TCP port; undefined on a unix socket. */
  readonly port: number | undefined;
  /** Ends the host's connection and stops listening; the socket file is gone. */
  close(): Promise<void>;
}

/** Starts listening. Rejects when the place cannot be used. A socket file left by an earlier process is replaced. */
export async function serveH4(options: { controller: VirtualController } & H4Place): Promise<H4Server> {
  const { controller } = options;
  let host: Socket | undefined;
  const server = createServer({ noDelay: true }, (socket) => {
    if (host) {
      socket.destroy();
      return;
    }
    host = socket;
    socket.on('close', () => {
      host = undefined;
    });
    serveHost(socket, controller);
  });
  const port = await listenForHosts(server, options);
  return {
    port,
    async close() {
      host?.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}

/** Listens at a place; gives the port, undefined for a unix socket. A socket file left by an earlier process is replaced. */
export async function listenForHosts(server: Server, place: H4Place): Promise<number | undefined> {
  if ('path' in place) {
    const { path } = place;
    if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) rmSync(path);
    server.listen(path);
    await once(server, 'listening');
    chmodSync(path, 0o600);
    return undefined;
  }
  server.listen(place.port, place.host ?? LOOPBACK_HOSTS[0]);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function serveHost(socket: Socket, controller: VirtualController): void {
  let stamped: number | undefined;
  const stamp = (instant: number) => {
    if (instant === stamped) return;
    stamped = instant;
    socket.write(encodeStamp(instant));
  };
  const timer = setInterval(() => stamp(controller.clock.now()), STAMP_EVERY_MS);
  controller.attach((packet, instant) => {
    stamp(instant);
    return socket.write(packet) || socket.destroyed ? undefined : drained(socket);
  });

  let rest = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (let length = packetLength(rest); length !== undefined; length = packetLength(rest)) {
      if (length === 'invalid') {
        socket.destroy();
        return;
      }
      controller.receive(Buffer.from(rest.subarray(0, length)));
      rest = rest.subarray(length);
    }
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    clearInterval(timer);
    controller.attach(undefined);
    controller.reset();
  });
}

/** Length of the first packet when it is whole; only commands and ACL data come from a host. */
function packetLength(bytes: Buffer): number | 'invalid' | undefined {
  let length: number;
  if (bytes.length === 0) return undefined;
  if (bytes[0] === COMMAND) {
    if (bytes.length < 4) return undefined;
    length = 4 + bytes.readUInt8(3);
  } else if (bytes[0] === ACL_DATA) {
    if (bytes.length < 5) return undefined;
    length = 5 + bytes.readUInt16LE(3);
  } else {
    return 'invalid';
  }
  return bytes.length < length ? undefined : length;
}

/** Resolves when the socket takes more, or is gone. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
  });
}
