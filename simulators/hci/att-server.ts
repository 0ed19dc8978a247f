/**
 * The ATT server of one link (Core 5.2 Vol 3 Part F): answers requests from a {@link GattDatabase}, keeps the link's
 * MTU and subscriptions, sends notifications, and indications one at a time until each is confirmed.
 */
import * as att from './att-codes.ts';
import { type Found, findByTypeValue, findInformation, readByType } from './att-discovery.ts';
import type { Attribute, GattDatabase } from './gatt-database.ts';
import { u16 } from './hci-packets.ts';

/** Smallest MTU of ATT on LE (Vol 3 Part G §5.2.1). */
const MIN_MTU = 23;

/** How a misbehaving device answers one request: not at all, or with an ATT error code. */
export type Misbehaviour = 'silence' | { readonly error: number };

export interface AttServerOptions {
  readonly database: GattDatabase;
  /** Largest MTU the device offers. */
  readonly maxMtu: number;
  /** Sends one ATT PDU; calls `delivered` once the host has it or it is lost. */
  readonly send: (pdu: Buffer, delivered?: (handedOver: boolean) => void) => void;
  /** The ATT error that keeps an attribute from this central, undefined when its link is secure enough. */
  readonly protects: (attribute: Attribute) => number | undefined;
  /** Asked before each request is answered, for devices with defects. */
  readonly misbehave: (request: Uint8Array) => Misbehaviour | undefined;
  /** A central wrote a Client Characteristic Configuration. */
  readonly onConfigure: (valueHandle: number, bits: number) => void;
}

interface PendingIndication {
  readonly handle: number;
  readonly value: Uint8Array;
  readonly settle: (confirmed: boolean) => void;
}

export class AttServer {
  readonly #options: AttServerOptions;
  readonly #configurations = new Map<number, number>();
  #mtu = MIN_MTU;
  #prepared: { handle: number; value: Buffer }[] = [];
  #indications: PendingIndication[] = [];
  #closed = false;
  /** Value whose configuration the request in hand has just written. */
  #configured: number | undefined;

  constructor(options: AttServerOptions) {
    this.#options = options;
  }

  /** MTU agreed on this link. */
  get mtu(): number {
    return this.#mtu;
  }

  /** How the central subscribed to a value, if it did. */
  subscription(valueHandle: number): 'notify' | 'indicate' | undefined {
    const bits = this.#configurations.get(valueHandle) ?? 0;
    if (bits & 1) return 'notify';
    return bits & 2 ? 'indicate' : undefined;
  }

  /** What a bonded central configured on an earlier link holds on this one too. */
  restore(configurations: ReadonlyMap<number, number>): void {
    for (const [handle, bits] of configurations) {
      this.#configurations.set(handle, bits);
      this.#options.onConfigure(handle, bits);
    }
  }

  /** Sends a notification, cut to the MTU. False when nobody subscribed or the link is gone. */
  notify(valueHandle: number, value: Uint8Array): Promise<boolean> {
    if (this.#closed || this.subscription(valueHandle) !== 'notify') return Promise.resolve(false);
    return new Promise((resolve) => this.#options.send(this.#valuePdu(att.NOTIFICATION, valueHandle, value), resolve));
  }

  /** Sends an indication after those before it. True once it is confirmed, false when the link ends before that. */
  indicate(valueHandle: number, value: Uint8Array): Promise<boolean> {
    if (this.#closed || this.subscription(valueHandle) !== 'indicate') return Promise.resolve(false);
    return new Promise((settle) => {
      this.#indications.push({ handle: valueHandle, value, settle });
      if (this.#indications.length === 1) this.#sendIndication();
    });
  }

  /** The link has ended: nothing that waits will be confirmed. */
  close(): void {
    this.#closed = true;
    for (const waiting of this.#indications.splice(0)) waiting.settle(false);
  }

  /** Takes one PDU of the central. */
  receive(pdu: Buffer): void {
    const opcode = pdu[0];
    if (opcode === undefined || this.#closed) return;
    if (opcode === att.CONFIRMATION) {
      this.#indications.shift()?.settle(true);
      if (this.#indications.length > 0) this.#sendIndication();
      return;
    }
    const defect = this.#options.misbehave(Uint8Array.from(pdu));
    if (defect === 'silence') return;
    const response = defect
      ? refuse(opcode, pdu.length >= 3 ? pdu.readUInt16LE(1) : 0, defect.error)
      : this.#answer(opcode, pdu);
    // A command (bit 6) has no response, not even an error (Vol 3 Part F §3.3.1).
    if (response && (opcode & att.COMMAND_FLAG) === 0) this.#options.send(response);
    const configured = this.#configured;
    this.#configured = undefined;
    // After the response, so that what the device sends at once comes behind it.
    if (configured !== undefined) {
      this.#options.onConfigure(configured, this.#configurations.get(configured) ?? 0);
    }
  }

  #answer(opcode: number, pdu: Buffer): Buffer | undefined {
    const { database, maxMtu } = this.#options;
    switch (opcode) {
      case att.MTU_REQUEST:
        if (pdu.length < 3) return refuse(opcode, 0, att.INVALID_PDU);
        this.#mtu = Math.max(MIN_MTU, Math.min(pdu.readUInt16LE(1), maxMtu));
        return reply(opcode, u16(maxMtu));
      case att.FIND_INFORMATION:
        return replyFound(opcode, findInformation(database, pdu, this.#mtu));
      case att.FIND_BY_TYPE_VALUE:
        return replyFound(opcode, findByTypeValue(database, pdu, this.#mtu));
      case att.READ_BY_TYPE:
      case att.READ_BY_GROUP_TYPE: {
        const read = (attribute: Attribute) => this.#valueOf(attribute);
        const link = { mtu: this.#mtu, protects: this.#options.protects, read };
        return replyFound(opcode, readByType(database, pdu, link, opcode === att.READ_BY_GROUP_TYPE));
      }
      case att.READ:
      case att.READ_BLOB:
        return this.#read(opcode, pdu);
      case att.WRITE:
      case att.WRITE_COMMAND:
        return this.#write(opcode, pdu);
      case att.PREPARE_WRITE:
        if (pdu.length < 5) return refuse(opcode, 0, att.INVALID_PDU);
        this.#prepared.push({ handle: pdu.readUInt16LE(1), value: Buffer.from(pdu.subarray(5)) });
        return reply(opcode, pdu.subarray(1));
      case att.EXECUTE_WRITE:
        this.#execute(pdu[1] === 1);
        return reply(opcode);
      default:
        return opcode % 2 === 0 ? refuse(opcode, 0, att.REQUEST_NOT_SUPPORTED) : undefined;
    }
  }

  #read(opcode: number, pdu: Buffer): Buffer {
    if (pdu.length < (opcode === att.READ ? 3 : 5)) return refuse(opcode, 0, att.INVALID_PDU);
    const handle = pdu.readUInt16LE(1);
    const attribute = this.#options.database.at(handle);
    if (!attribute) return refuse(opcode, handle, att.INVALID_HANDLE);
    if (!attribute.readable) return refuse(opcode, handle, att.READ_NOT_PERMITTED);
    const protection = this.#options.protects(attribute);
    if (protection !== undefined) return refuse(opcode, handle, protection);
    const value = this.#valueOf(attribute);
    const offset = opcode === att.READ ? 0 : pdu.readUInt16LE(3);
    if (offset > value.length) return refuse(opcode, handle, att.INVALID_OFFSET);
    return reply(opcode, value.subarray(offset, offset + this.#mtu - 1));
  }

  #write(opcode: number, pdu: Buffer): Buffer {
    if (pdu.length < 3) return refuse(opcode, 0, att.INVALID_PDU);
    const handle = pdu.readUInt16LE(1);
    const attribute = this.#options.database.at(handle);
    if (!attribute) return refuse(opcode, handle, att.INVALID_HANDLE);
    const protection = this.#options.protects(attribute);
    if (protection !== undefined) return refuse(opcode, handle, protection);
    if (!attribute.writable) return refuse(opcode, handle, att.WRITE_NOT_PERMITTED);
    const value = Buffer.from(pdu.subarray(3));
    if (attribute.configures !== undefined) {
      if (value.length !== 2) return refuse(opcode, handle, att.INVALID_PDU);
      this.#configurations.set(attribute.configures, value.readUInt16LE(0));
      this.#configured = attribute.configures;
      return reply(opcode);
    }
    const refusal = attribute.write(value);
    return refusal === undefined ? reply(opcode) : refuse(opcode, handle, refusal);
  }

  #execute(commit: boolean): void {
    const prepared = this.#prepared.splice(0);
    if (!commit) return;
    const values = new Map<number, Buffer>();
    for (const { handle, value } of prepared) {
      values.set(handle, Buffer.concat([values.get(handle) ?? Buffer.alloc(0), value]));
    }
    for (const [handle, value] of values) this.#options.database.at(handle)?.write(value);
  }

  #valueOf(attribute: Attribute): Buffer {
    if (attribute.configures === undefined) return attribute.read();
    return u16(this.#configurations.get(attribute.configures) ?? 0);
  }

  #sendIndication(): void {
    const next = this.#indications[0];
    if (next) this.#options.send(this.#valuePdu(att.INDICATION, next.handle, next.value));
  }

  #valuePdu(opcode: number, handle: number, value: Uint8Array): Buffer {
    return Buffer.concat([Buffer.from([opcode]), u16(handle), value.subarray(0, this.#mtu - 3)]);
  }
}

/** A response has the opcode of its request plus one. */
function reply(opcode: number, parameters: Uint8Array = new Uint8Array()): Buffer {
  return Buffer.concat([Buffer.from([opcode + 1]), parameters]);
}

function replyFound(opcode: number, found: Found): Buffer {
  return 'error' in found ? refuse(opcode, found.handle, found.error) : reply(opcode, found.response);
}

function refuse(opcode: number, handle: number, code: number): Buffer {
  return Buffer.concat([Buffer.from([att.ERROR, opcode]), u16(handle), Buffer.from([code])]);
}
