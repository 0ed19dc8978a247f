/**
 * The one file that loads `@abandonware/noble`. Never import its index: that opens a real Bluetooth socket at once.
 * Any number of instances, each over its own {@link HciTransport}, live in one process.
 */
import { createRequire, registerHooks } from 'node:module';
import { initiatorOf } from './harden-smp.ts';
import type { HciTransport } from './hci-transport.ts';
import type { AttError, Noble, NobleClasses } from './noble-internals.ts';
import type { SmpInitiator } from './smp-initiator.ts';

const SOCKET_PACKAGE = '@abandonware/bluetooth-hci-socket';
const require = createRequire(import.meta.url);
const seed = require('./hci-socket-seed.cjs') as { next: HciTransport | undefined };

let loaded: NobleClasses | undefined;

/** noble's classes, loaded on first use. Unmended: see `harden-noble.ts`. */
export function loadNobleClasses(): NobleClasses {
  if (loaded) return loaded;
  // Whatever noble would find under this name, or fail to find, is our seed. Only while noble is loaded.
  const hooks = registerHooks({
    resolve(specifier, context, nextResolve) {
      if (specifier !== SOCKET_PACKAGE) return nextResolve(specifier, context);
      return { url: new URL('./hci-socket-seed.cjs', import.meta.url).href, format: 'commonjs', shortCircuit: true };
    },
  });
  try {
    loaded = {
      Hci: require('@abandonware/noble/lib/hci-socket/hci'),
      Gatt: require('@abandonware/noble/lib/hci-socket/gatt'),
      Smp: require('@abandonware/noble/lib/hci-socket/smp'),
      AclStream: require('@abandonware/noble/lib/hci-socket/acl-stream'),
      Bindings: require('@abandonware/noble/lib/hci-socket/bindings'),
      withBindings: require('@abandonware/noble/with-bindings'),
      version: require('@abandonware/noble/package.json').version,
    };
  } finally {
    hooks.deregister();
  }
  return loaded;
}

/** What secures one connection. */
export interface LinkSecurityPort {
  readonly smp: SmpInitiator;
  /**
   * Who decides about authentication errors of the device: `may` whether to secure the link for one, `secure` does it. The
   * request that met the error is then sent again, or fails with it.
   */
  onAuthenticationError(may: () => boolean, secure: () => Promise<void>): void;
  /** Subscriptions that the device still has are not written again, and none is ever ended. */
  keepSubscriptions(): void;
}

/** One noble over one transport. */
export interface NobleStack {
  readonly noble: Noble;
  /**
   * Takes over the confirmation of the indication that is being delivered right now; undefined for a notification.
   * The peripheral sends nothing more until the returned function is called.
   */
  holdIndication(peripheralId: string): (() => void) | undefined;
  /** Pairing and encryption of the present connection, undefined without one. */
  security(peripheralId: string): LinkSecurityPort | undefined;
  /** UUIDs by value handle, as discovered on the present connection. */
  valueHandles(peripheralId: string): Map<number, { service: string; characteristic: string }>;
  /** Forgets an advertiser; noble itself keeps every address for ever. */
  forget(peripheralId: string, address: string): void;
  /** Asks the controller to give up the connection that is being made; noble's `connect` event then tells how it ended. */
  cancelConnect(peripheralId: string): void;
  /** Ends all links for noble, stops polling, listening and holding the process alive. The transport is not closed. */
  close(): void;
}

/** Starts noble over an open transport. It initializes itself once somebody listens to `stateChange`. */
export function openNoble(classes: NobleClasses, transport: HciTransport): NobleStack {
  seed.next = transport;
  const bindings = new classes.Bindings({});
  // noble would take the user channel by an environment variable, where it never learns its ACL buffers.
  bindings._hci._userChannel = undefined;
  const noble = classes.withBindings(bindings);
  bindings.on('attError', (id: string, error: AttError) => noble._peripherals[id]?.emit('attError', error));

  return {
    noble,
    holdIndication(id) {
      const indication = bindings._gatts[id]?._indication;
      if (!indication) return undefined;
      indication.held = true;
      return indication.confirm;
    },
    security(id) {
      const stream = bindings._aclStreams[bindings._handles[id] as number];
      const gatt = bindings._gatts[id];
      if (!stream || !gatt) return undefined;
      return {
        smp: initiatorOf(stream._smp),
        onAuthenticationError(may, secure) {
          gatt._maySecure = may;
          stream._secure = secure;
        },
        keepSubscriptions() {
          gatt._keepsSubscriptions = true;
        },
      };
    },
    valueHandles(id) {
      const handles = new Map<number, { service: string; characteristic: string }>();
      for (const [service, characteristics] of Object.entries(bindings._gatts[id]?._characteristics ?? {})) {
        for (const [characteristic, { valueHandle }] of Object.entries(characteristics)) {
          handles.set(valueHandle, { service, characteristic });
        }
      }
      return handles;
    },
    forget(id, address) {
      const byId = [
        noble._peripherals,
        noble._services,
        noble._characteristics,
        noble._descriptors,
        noble._discoveredPeripheralUUids,
        bindings._addresses,
        bindings._addresseTypes,
        bindings._connectable,
        bindings.scannable,
      ];
      for (const map of byId) delete map[id];
      delete bindings._gap._discoveries[address];
    },
    cancelConnect: (id) => bindings.cancelConnect(id),
    close() {
      bindings._hci._closed = true;
      clearTimeout(bindings._hci._poll);
      // What waits for a link hears that it is gone.
      bindings.onStateChange('poweredOff');
      transport.stop();
      transport.removeAllListeners('data');
      transport.removeAllListeners('error');
      noble.removeAllListeners();
      // What is still under way may fail, but nobody is left to hear it.
      noble.on('warning', () => undefined);
    },
  };
}
