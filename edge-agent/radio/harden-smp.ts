/**
 * The part of `harden-noble.ts` that puts our own pairing in the place of noble's (defect 12), which knew no passkey, threw
 * keys away, heard no Security Request, took any octets for a PDU and never learned that encryption had failed.
 */
import type { AclStream, Bindings, Hci, NobleClasses, Smp } from './noble-internals.ts';
import { SmpInitiator } from './smp-initiator.ts';

const SMP_CID = 0x0006;

/** HCI (Core 5.2 Vol 4 Part E §7.7.8, §7.7.15, §7.7.39, §7.8.24). */
const EVENT_PACKET = 0x04;
const ENCRYPTION_CHANGE = 0x08;
const COMMAND_STATUS = 0x0f;
const ENCRYPTION_KEY_REFRESH = 0x30;
const LE_START_ENCRYPTION = 0x2019;

/** Patches noble's Smp, AclStream, Hci and Bindings. */
export function hardenSmp({ Smp, AclStream, Hci, Bindings }: NobleClasses): void {
  hardenPairing(Smp.prototype);
  AclStream.prototype.encrypt = function (this: AclStream) {
    const secure = this._secure ?? (() => initiatorOf(this._smp).pair({ authenticated: false }));
    // Whatever has not come to encryption lets the request that waits for it fail.
    secure().catch(() => this.emit('encryptFail'));
  };
  hardenEncryption(Hci.prototype);
  hardenLinks(Bindings.prototype);
}

/** The initiator of a link, made when it is first asked for. */
export function initiatorOf(smp: Smp): SmpInitiator {
  const { _hci: hci, _handle: handle } = smp._aclStream;
  smp._initiator ??= new SmpInitiator({
    local: { octets: smp._ia, random: smp._iat[0] === 1 },
    remote: { octets: smp._ra, random: smp._rat[0] === 1 },
    send: (pdu) => smp.write(pdu),
    startEncryption: (key, diversifier, random) => hci.startLeEncryption(handle, random, diversifier, key),
  });
  return smp._initiator;
}

function hardenPairing(prototype: Smp): void {
  prototype.sendPairingRequest = function (this: Smp) {
    this._aclStream.encrypt();
  };
  prototype.onAclStreamData = function (this: Smp, cid, data) {
    if (cid === SMP_CID && data.length > 0) initiatorOf(this).receive(data);
  };
  const end = prototype.onAclStreamEnd;
  prototype.onAclStreamEnd = function (this: Smp) {
    initiatorOf(this).end();
    end.call(this);
  };
}

/** noble told of every Encryption Change as of a success, and of no Key Refresh and no refused command at all. */
function hardenEncryption(prototype: Hci): void {
  const start = prototype.startLeEncryption;
  prototype.startLeEncryption = function (this: Hci, handle, random, diversifier, key) {
    this._encrypting ??= [];
    this._encrypting.push(handle);
    start.call(this, handle, random, diversifier, key);
  };
  const receive = prototype.onSocketData;
  prototype.onSocketData = function (this: Hci, data: Buffer) {
    const event = data[0] === EVENT_PACKET ? data[1] : undefined;
    if (event === ENCRYPTION_CHANGE && data.length >= 7) {
      this.emit('encryption', data.readUInt16LE(4) & 0x0fff, data.readUInt8(3), data.readUInt8(6) !== 0);
      // On failure noble would go by a field that then means nothing.
      if (data.readUInt8(3) !== 0) return;
    } else if (event === ENCRYPTION_KEY_REFRESH && data.length >= 6) {
      const handle = data.readUInt16LE(4) & 0x0fff;
      this.emit('encryption', handle, data.readUInt8(3), true);
      if (data.readUInt8(3) === 0) this.emit('encryptChange', handle, 1);
    } else if (event === COMMAND_STATUS && data.length >= 7 && data.readUInt16LE(5) === LE_START_ENCRYPTION) {
      // Controllers answer commands in order.
      const handle = this._encrypting?.shift();
      if (handle !== undefined && data.readUInt8(3) !== 0) this.emit('encryption', handle, data.readUInt8(3), false);
    }
    receive.call(this, data);
  };
}

function hardenLinks(prototype: Bindings): void {
  const init = prototype.init;
  prototype.init = function (this: Bindings) {
    init.call(this);
    this._hci.on('encryption', (handle: number, status: number, enabled: boolean) => {
      const smp = this._aclStreams[handle]?._smp;
      if (smp) initiatorOf(smp).encryptionChanged(status, enabled);
    });
  };
  const disconnected = prototype.onDisconnComplete;
  prototype.onDisconnComplete = function (this: Bindings, handle, reason) {
    const smp = this._aclStreams[handle]?._smp;
    if (smp) initiatorOf(smp).end(reason);
    disconnected.call(this, handle, reason);
  };
}
