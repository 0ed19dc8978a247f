/**
 * An adapter of this machine, through the kernel's HCI sockets. The one file that loads the native addon
 * (`@stoprocent/bluetooth-hci-socket`, installed under the name that noble knows).
 */
import { createRequire } from 'node:module';
import { type HciSocket, openHciSocketTransport } from './hci-socket-transport.ts';
import type { HciTransport, TransportClock } from './hci-transport.ts';
import { explainAddon } from './native-trouble.ts';

const require = createRequire(import.meta.url);

/** Opens hciN, or the first adapter that is up. Throws {@link Fault} `unavailable`, which says what to do. */
export async function openNativeTransport(options: {
  channel: 'raw' | 'user';
  adapter?: number;
  clock: TransportClock;
}): Promise<HciTransport> {
  const Socket = loadAddon();
  const { channel, adapter, clock } = options;
  const which = adapter === undefined ? {} : { adapter };
  return await openHciSocketTransport({ createSocket: () => new Socket(), channel, clock, ...which });
}

function loadAddon(): new () => HciSocket {
  try {
    const addon = require('@abandonware/bluetooth-hci-socket') as { loadDriver(name: string): new () => HciSocket };
    // By name, because by default the environment would choose.
    return addon.loadDriver('native');
  } catch {
    throw explainAddon();
  }
}
