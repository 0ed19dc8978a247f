/**
 * Mends defects of `@abandonware/noble` 1.9.2-26 by patching its prototypes, once per process. The version is pinned;
 * every patched symbol is checked. test/edge-agent/radio/defects.test.ts shows each, by its number, with and without:
 *
 * - 2: an ACL write that races a disconnection killed the process
 * - 3: an Encryption Change with no ATT operation pending killed the process
 * - 4, 5: an ATT error was swallowed, or looked like an empty value: it is now also an `attError` event
 * - 6, 7: a failed pairing and ATT error 0x04 left the link's ATT queue dead
 * - 9: with a peer MTU above 256 long values were cut
 * - 10: an adapter that lost power did not end its links
 * - a malformed packet of a peripheral threw through the socket: it is now dropped, as event `malformed`
 * - 11: of two services, or two characteristics in a service, with one UUID only one was seen: see harden-discovery.ts
 * - 12: passkeys were not known, keys thrown away, a Security Request ignored: see harden-smp.ts
 * - 13: every address that was ever heard was kept for ever: see known-devices.ts
 * - indications were confirmed before anybody had stored them
 * - noble handled SIGINT itself and could not be stopped
 */
import { hardenDiscovery } from './harden-discovery.ts';
import { hardenGatt } from './harden-gatt.ts';
import { hardenSmp } from './harden-smp.ts';
import type { Bindings, Gatt, Hci, NobleClasses } from './noble-internals.ts';

/** The one version whose internals these patches know. */
export const NOBLE_VERSION = '1.9.2-26';

/** Symbols that are replaced or called by the patches, by class. */
export const PATCHED = {
  Hci: [
    'pollIsDevUp',
    'flushAcl',
    'onSocketData',
    'startLeEncryption',
    'init',
    'setSocketFilter',
    'setEventMask',
    'setLeEventMask',
    'readLocalVersion',
    'writeLeHostSupported',
    'readLeHostSupported',
    'readLeBufferSize',
    'readBdAddr',
  ],
  Gatt: [
    'onAclStreamData',
    'onAclStreamEncrypt',
    'onAclStreamEncryptFail',
    'onAclStreamEnd',
    'exchangeMtu',
    'notify',
    'discoverServices',
    'discoverCharacteristics',
    'readByGroupRequest',
    'readByTypeRequest',
    'writeRequest',
    'mtuRequest',
    'handleConfirmation',
    'writeAtt',
    '_queueCommand',
  ],
  Smp: ['sendPairingRequest', 'onAclStreamData', 'onAclStreamEnd', 'write'],
  AclStream: ['encrypt', 'pushEncrypt'],
  Bindings: ['init', 'onStateChange', 'onLeConnComplete', 'onDisconnComplete', 'onSigInt', 'onExit', 'cancelConnect'],
} as const;

const HARDENED = Symbol.for('veravita.noble.hardened');
const POLL_MS = 1_000;
/** HCI reason that stands for an adapter without power: Connection Terminated by Local Host. */
const ADAPTER_GONE = 0x16;

/** Patches the classes; a second call does nothing. Throws when this is another noble than the patches know. */
export function hardenNoble(classes: NobleClasses): void {
  const marked = classes.Hci.prototype as Hci & { [HARDENED]?: boolean };
  if (marked[HARDENED]) return;
  if (classes.version !== NOBLE_VERSION) throw new Error(`radio knows noble ${NOBLE_VERSION} only`);
  for (const [name, symbols] of Object.entries(PATCHED)) {
    const { prototype } = classes[name as keyof typeof PATCHED] as { prototype: object };
    const missing = symbols.find((symbol) => !(symbol in prototype));
    if (missing) throw new Error(`noble has no ${name}.${missing}`);
  }
  marked[HARDENED] = true;
  hardenHci(classes.Hci.prototype);
  hardenGatt(classes.Gatt.prototype);
  hardenDiscovery(classes.Gatt.prototype);
  hardenBindings(classes.Bindings.prototype);
  hardenSmp(classes);
}

function hardenHci(prototype: Hci): void {
  // Defect 2. noble looked up the connection of a packet without checking that it is still there.
  prototype.flushAcl = async function (this: Hci) {
    const buffers = await this.getAclBuffers();
    for (;;) {
      let pending = 0;
      for (const connection of this._aclConnections.values()) pending += connection.pending;
      if (pending >= buffers.num) return;
      const next = this._aclQueue.shift();
      if (!next) return;
      const connection = this._aclConnections.get(next.handle);
      if (!connection) continue;
      connection.pending++;
      this._socket.write(next.packet);
    }
  };

  const receive = prototype.onSocketData;
  prototype.onSocketData = function (this: Hci, data: Buffer) {
    try {
      receive.call(this, data);
    } catch (error) {
      this.emit('malformed', error);
    }
  };

  // As noble does it, but with a timer that can be stopped.
  prototype.pollIsDevUp = function (this: Hci) {
    if (this._closed) return;
    const isUp = this._socket.isDevUp();
    if (isUp !== this._isDevUp) {
      this._isDevUp = isUp;
      if (!isUp) {
        this.emit('stateChange', 'poweredOff');
      } else if (this._state === 'poweredOff') {
        this._socket.removeAllListeners('data');
        this._socket.removeAllListeners('error');
        this._state = null;
        this._isDevUp = null;
        this.init();
        return;
      } else {
        this.setSocketFilter();
        this.setEventMask();
        this.setLeEventMask();
        this.readLocalVersion();
        this.writeLeHostSupported();
        this.readLeHostSupported();
        this.readLeBufferSize();
        this.readBdAddr();
      }
    }
    this._poll = setTimeout(() => this.pollIsDevUp(), POLL_MS);
  };
}

function hardenBindings(prototype: Bindings): void {
  const init = prototype.init;
  prototype.init = function (this: Bindings) {
    const before = new Set(process.listeners('exit'));
    init.call(this);
    // noble exits the process on SIGINT when nobody else listens. Stopping is the business of main.
    process.removeListener('SIGINT', this.onSigIntBinded);
    for (const listener of process.listeners('exit')) {
      if (!before.has(listener)) process.removeListener('exit', listener);
    }
  };

  const connected = prototype.onLeConnComplete;
  prototype.onLeConnComplete = function (this: Bindings, status, handle, ...rest) {
    connected.call(this, status, handle, ...rest);
    const gatt: Gatt | undefined = status === 0 && handle !== undefined ? this._gatts[handle] : undefined;
    gatt?.on('attError', (error) => this.emit('attError', this._handles[handle as number], error));
  };

  // Defect 10: the controller has forgotten everything, and will not say so.
  const stateChange = prototype.onStateChange;
  prototype.onStateChange = function (this: Bindings, state) {
    if (state === 'poweredOff') {
      for (const handle of Object.keys(this._aclStreams)) this.onDisconnComplete(Number(handle), ADAPTER_GONE);
      this._connectionQueue = [];
      if (this._pendingConnectionUuid) this.onLeConnComplete(ADAPTER_GONE);
      this._hci._aclConnections.clear();
      this._hci._aclQueue = [];
      this._hci._handleBuffers = {};
      this._hci._encrypting = [];
    }
    stateChange.call(this, state);
  };
}
