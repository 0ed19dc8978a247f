/** H4 over TCP: a simulator (`simulators/hci/h4-server.ts`), Bumble, rootcanal, or a UART behind ser2net. */
import { createConnection } from 'node:net';
import { openH4Transport } from './h4-transport.ts';
import type { HciTransport, TransportClock } from './hci-transport.ts';

/** After so long without traffic the peer is asked whether it is still there; a pulled cable closes nothing by itself. */
const KEEP_ALIVE_MS = 10_000;

/**
 * Opens the controller behind a TCP port. `host` is a name or an address; H4 is neither encrypted nor authenticated, so
 * it belongs on loopback or on a wire of its own. `clock` is the gateway clock (ms since epoch) unless the controller
 * stamps its packets. Rejects when nobody listens there or no controller answers.
 */
export function openH4TcpTransport(options: {
  host: string;
  port: number;
  clock: TransportClock;
}): Promise<HciTransport> {
  const { host, port, clock } = options;
  // Without delay: a packet that waits for the next one would be heard late.
  const keepAlive = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
  return openH4Transport({ connect: () => createConnection({ host, port, ...keepAlive }), clock });
}
