/** H4 over a unix socket: a simulator (`simulators/hci/h4-server.ts`), Bumble, rootcanal, or `btvirt` from BlueZ. */
import { createConnection } from 'node:net';
import { openH4Transport } from './h4-transport.ts';
import type { HciTransport, TransportClock } from './hci-transport.ts';

/**
 * Opens the controller behind a unix socket. `clock` is the gateway clock (ms since epoch) unless the controller stamps
 * its packets. Rejects when nobody listens at `path` or no controller answers.
 */
export function openH4UnixTransport(options: { path: string; clock: TransportClock }): Promise<HciTransport> {
  return openH4Transport({ connect: () => createConnection({ path: options.path }), clock: options.clock });
}
