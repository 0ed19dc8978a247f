/**
 * Serves a virtual controller on a unix socket in H4 framing (Core 5.2 Vol 4 Part A), to one host at a time. Simulated
 * time travels as the vendor event of `encodeStamp`: it stamps what follows, and comes whenever the time has changed.
 */

import { once } from 'node:events';
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { ACL_DATA, COMMAND, encodeStamp } from './hci-packets.ts';
import type { VirtualController } from './virtual-controller.ts';

/** Real milliseconds between stamps while nothing else is sent, so that the host's clock does not stand still. */
const STAMP_EVERY_MS = 200;

export interface H4Server {
  /** Ends the host's connection and stops listening; the socket file is gone. */
  close(): Promise<void>;
}

/** Starts listening. Rejects when the path cannot be used. A socket file left by an earlier process is replaced. */
export async function serveH4(options: { controller: VirtualController; path: string }): Promise<H4Server> {
  const { controller, path } = options;
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) rmSync(path);
  let host: Socket | undefined;
  const server = createServer((socket) => {
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
  server.listen(path);
  await once(server, 'listening');
  chmodSync(path, 0o600);
  return {
    async close() {
      host?.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
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
