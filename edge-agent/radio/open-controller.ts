/** Where a Bluetooth controller is, and how it is opened. */
import { Fault, isFault } from '../../protocol/fault.ts';
import { openH4TcpTransport } from './h4-tcp.ts';
import { openH4UnixTransport } from './h4-unix.ts';
import type { HciTransport, TransportClock } from './hci-transport.ts';

export type HciAddress =
  /** A controller that speaks H4. */
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** An adapter of this machine: `raw` beside the kernel's own stack, `user` taken from it. Without a number: the first. */
  | { readonly kind: 'native'; readonly channel: 'raw' | 'user'; readonly adapter?: number };

/** Opens it. `clock` is used unless the controller brings its own time. Throws {@link Fault} `unavailable`, which says what to do. */
export async function openController(hci: HciAddress, clock: TransportClock): Promise<HciTransport> {
  try {
    switch (hci.kind) {
      case 'unix':
        return await openH4UnixTransport({ path: hci.path, clock });
      case 'tcp':
        return await openH4TcpTransport({ host: hci.host, port: hci.port, clock });
      case 'native': {
        // Loaded only where it is asked for: it is native code.
        const { openNativeTransport } = await import('./hci-native.ts');
        return await openNativeTransport({ ...hci, clock });
      }
    }
  } catch (error) {
    if (isFault(error)) throw error;
    throw new Fault('unavailable', `no Bluetooth controller answers at ${describeController(hci)}`, 'later');
  }
}

function describeController(hci: HciAddress): string {
  switch (hci.kind) {
    case 'unix':
      return hci.path;
    case 'tcp':
      return `port ${hci.port} of ${hci.host}`;
    case 'native':
      return hci.adapter === undefined ? 'any adapter' : `hci${hci.adapter}`;
  }
}
