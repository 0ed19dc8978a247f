/** The part of `harden-noble.ts` that mends noble's GATT client. ATT is Core 5.2 Vol 3 Part F. */
import type { AttError, Gatt } from './noble-internals.ts';

const ATT_CID = 0x0004;
const ERROR_RESPONSE = 0x01;
const MTU_RESPONSE = 0x03;
const FIND_INFORMATION_RESPONSE = 0x05;
const READ_BY_TYPE_RESPONSE = 0x09;
const READ_BY_GROUP_RESPONSE = 0x11;
const WRITE_RESPONSE = 0x13;
const NOTIFICATION = 0x1b;
const INDICATION = 0x1d;

const INVALID_PDU = 0x04;
const INSUFFICIENT_AUTHENTICATION = 0x05;
const INSUFFICIENT_AUTHORIZATION = 0x08;
const UNLIKELY = 0x0e;
const INSUFFICIENT_ENCRYPTION = 0x0f;

const MIN_MTU = 23;

/** Properties of a characteristic (Vol 3 Part G §3.3.1.1), and the descriptor that switches them on. */
const NOTIFY = 0x10;
const INDICATE = 0x20;
const CLIENT_CONFIGURATION = 0x2902;

/** Patches noble's Gatt prototype. */
export function hardenGatt(prototype: Gatt): void {
  const receive = prototype.onAclStreamData;
  prototype.onAclStreamData = function (this: Gatt, cid, data) {
    if (cid !== ATT_CID) return;
    if (data[0] === INDICATION) receiveIndication(this, receive, data);
    else if (data[0] === ERROR_RESPONSE && this._currentCommand) receiveError(this, receive, data);
    else if (isMalformedList(data)) failRequest(this, receive, UNLIKELY);
    else receive.call(this, cid, data);
  };

  // Defect 9. The MTU of a link is the smaller of both (§3.4.2.2); noble took the peer's.
  prototype.exchangeMtu = function (this: Gatt) {
    this._queueCommand(this.mtuRequest(this._desired_mtu), (data) => {
      if (data[0] === MTU_RESPONSE && data.length >= 3) {
        this._mtu = Math.max(MIN_MTU, Math.min(data.readUInt16LE(1), this._desired_mtu));
      }
      this.emit('mtu', this._address, this._mtu);
    });
  };

  prototype.notify = function (this: Gatt, service, characteristic, enable) {
    configure(this, service, characteristic, enable);
  };

  // Defects 3 and 6. noble resent whatever was pending, or dereferenced null, and did nothing at all on failure.
  // Only what an authentication error interrupted is sent again; anything else would be answered twice.
  prototype.onAclStreamEncrypt = function (this: Gatt, encrypted) {
    const interrupted = this._pairingFor;
    this._pairingFor = undefined;
    if (encrypted) {
      this._security = 'medium';
      if (interrupted && this._currentCommand) this.writeAtt(this._currentCommand.buffer);
    } else if (interrupted) {
      failRequest(this, receive, interrupted.code);
    }
  };
  prototype.onAclStreamEncryptFail = function (this: Gatt) {
    const interrupted = this._pairingFor;
    this._pairingFor = undefined;
    if (interrupted) failRequest(this, receive, interrupted.code);
  };

  const end = prototype.onAclStreamEnd;
  prototype.onAclStreamEnd = function (this: Gatt) {
    this._ended = true;
    end.call(this);
  };
}

/**
 * Writes a Client Characteristic Configuration (Core 5.2 Vol 3 Part G §3.3.3.3) as noble does, except that a device which
 * keeps the subscriptions of its bond has none of them ended, and none written that it still has.
 */
function configure(gatt: Gatt, service: string, characteristic: string, enable: boolean): void {
  const { startHandle, endHandle, properties } = gatt._characteristics[service]?.[characteristic] ?? {};
  if (startHandle === undefined || endHandle === undefined || properties === undefined) return;
  const bit = properties & NOTIFY ? 0x0001 : properties & INDICATE ? 0x0002 : 0;
  const done = () => gatt.emit('notify', gatt._address, service, characteristic, enable);
  gatt._queueCommand(gatt.readByTypeRequest(startHandle, endHandle, CLIENT_CONFIGURATION), (found) => {
    if (found[0] !== READ_BY_TYPE_RESPONSE || found.length < 6) return;
    const before = found.readUInt16LE(4);
    const after = enable ? before | bit : before & ~bit;
    if (gatt._keepsSubscriptions && (!enable || after === before)) {
      done();
      return;
    }
    const value = Buffer.of(after & 0xff, after >> 8);
    gatt._queueCommand(gatt.writeRequest(found.readUInt16LE(2), value, false), (written) => {
      if (written[0] === WRITE_RESPONSE) done();
    });
  });
}

type Receive = Gatt['onAclStreamData'];

/**
 * noble confirms an indication at once. Here it hears a notification in its place, and whoever takes the value may take
 * over the confirmation too; if nobody does, it is confirmed when all have heard it. A confirmation waits for no
 * request (§3.3.2), so it passes noble's queue.
 */
function receiveIndication(gatt: Gatt, receive: Receive, data: Buffer): void {
  let confirmed = false;
  const indication = {
    held: false,
    confirm() {
      if (confirmed || gatt._ended) return;
      confirmed = true;
      gatt.writeAtt(gatt.handleConfirmation());
    },
  };
  const asNotification = Buffer.from(data);
  asNotification[0] = NOTIFICATION;
  gatt._indication = indication;
  try {
    receive.call(gatt, ATT_CID, asNotification);
  } finally {
    gatt._indication = undefined;
  }
  if (!indication.held) indication.confirm();
}

/** Defects 4 to 7: says what the error was, and lets noble's queue go on. */
function receiveError(gatt: Gatt, receive: Receive, data: Buffer): void {
  if (data.length < 5) {
    failRequest(gatt, receive, UNLIKELY);
    return;
  }
  const error: AttError = { request: data.readUInt8(1), handle: data.readUInt16LE(2), code: data.readUInt8(4) };
  const wantsPairing =
    error.code === INSUFFICIENT_AUTHENTICATION ||
    error.code === INSUFFICIENT_ENCRYPTION ||
    // It is the device's own to give (Vol 3 Part C §10.5): where pairing has not brought it, a better key does not either.
    (error.code === INSUFFICIENT_AUTHORIZATION && gatt._security === 'low');
  const mayPair = gatt._maySecure ? gatt._maySecure() : gatt._security === 'low';
  if (wantsPairing && mayPair) {
    // noble pairs now; the request is neither answered nor failed until that has ended.
    gatt._pairingFor = error;
    // noble asks for it only on a link that is not encrypted; ours may want a better key.
    gatt._security = 'low';
    receive.call(gatt, ATT_CID, data);
    return;
  }
  gatt.emit('attError', error);
  const passed = Buffer.from(data);
  // noble ignores 0x04 and would wait for ever; any other code moves its queue.
  if (error.code === INVALID_PDU) passed[4] = UNLIKELY;
  receive.call(gatt, ATT_CID, passed);
}

/** Ends the pending request as if the peripheral had refused it with `code`. */
function failRequest(gatt: Gatt, receive: Receive, code: number): void {
  const request = gatt._currentCommand?.buffer;
  if (!request) return;
  const handle = request.length >= 3 ? request.readUInt16LE(1) : 0;
  gatt.emit('attError', { request: request.readUInt8(0), handle, code } satisfies AttError);
  const error = Buffer.from([ERROR_RESPONSE, request.readUInt8(0), handle & 0xff, handle >> 8, code]);
  // Not a reason to pair again.
  const security = gatt._security;
  gatt._security = 'medium';
  try {
    receive.call(gatt, ATT_CID, error);
  } finally {
    gatt._security = security;
  }
}

/** A list response whose entries have no length, or one that does not divide it: noble would loop for ever on 0. */
function isMalformedList(data: Buffer): boolean {
  const size = data[1] ?? 0;
  switch (data[0]) {
    case FIND_INFORMATION_RESPONSE: {
      const entry = size === 1 ? 4 : 18;
      return data.length < 2 + entry || (data.length - 2) % entry !== 0;
    }
    case READ_BY_TYPE_RESPONSE:
      return size < 2 || data.length < 2 + size || (data.length - 2) % size !== 0;
    case READ_BY_GROUP_RESPONSE:
      return size < 4 || data.length < 2 + size || (data.length - 2) % size !== 0;
    default:
      return false;
  }
}
