/**
 * A simulated Bluetooth LE peripheral: it advertises, accepts one link, serves its attribute table and sends
 * notifications and indications. Add it to a {@link VirtualController}; it can be made to fail in the ways real ones do.
 */
import { EventEmitter, once } from 'node:events';
import { encodeAdvertisement, encodeScanResponse } from './advertising.ts';
import { AttServer, type Misbehaviour } from './att-server.ts';
import { GattDatabase, type ServiceDeclaration, type Uuid } from './gatt-database.ts';
import { CID_ATT, CID_SMP, STATUS_REMOTE_USER_ENDED, STATUS_SUPERVISION_TIMEOUT } from './hci-packets.ts';
import { SmpResponder } from './smp-responder.ts';

export interface PeripheralOptions {
  /** Six octets in hex with colons. */
  readonly address: string;
  /** Random (static) by default, as wearables are. */
  readonly addressType?: 'public' | 'random';
  /** At most 29 octets of UTF-8. */
  readonly name: string;
  /** 16-bit UUIDs in the advertisement. */
  readonly advertises: readonly number[];
  readonly services: readonly ServiceDeclaration[];
  /** dBm. */
  readonly rssi?: number;
  /** Largest ATT MTU the device offers. */
  readonly mtu?: number;
}

/** The controller's end of a link, as the peripheral sees it. */
export interface PeripheralLink {
  readonly central: { readonly address: string; readonly random: boolean };
  send(cid: number, payload: Buffer, delivered?: (handedOver: boolean) => void): void;
  /** Ends the link; `reason` is an HCI code that the host sees. */
  drop(reason: number): void;
}

interface Connection {
  readonly link: PeripheralLink;
  readonly att: AttServer;
  readonly smp: SmpResponder;
  encrypted: boolean;
}

interface PeripheralEvents {
  /** A central subscribed to the value of this handle, or ended that. */
  subscribe: [valueHandle: number, subscribed: boolean];
  connect: [];
  /** With the HCI reason. */
  disconnect: [reason: number];
}

export class VirtualPeripheral extends EventEmitter<PeripheralEvents> {
  /** Lower case. */
  readonly address: string;
  readonly addressType: 'public' | 'random';
  readonly name: string;
  readonly advertisement: Buffer;
  readonly scanResponse: Buffer;
  readonly database: GattDatabase;
  readonly rssi: number;

  /** Set to answer some requests wrongly or not at all. */
  misbehave: (request: Uint8Array) => Misbehaviour | undefined = () => undefined;
  /** Set to an SMP reason to refuse pairing. */
  pairingRefusal: number | undefined;

  readonly #mtu: number;
  #inRange = true;
  #advertising = true;
  #connection: Connection | undefined;
  #onAir: () => void = () => undefined;

  constructor(options: PeripheralOptions) {
    super();
    this.address = options.address.toLowerCase();
    this.addressType = options.addressType ?? 'random';
    this.name = options.name;
    this.advertisement = encodeAdvertisement(options.advertises);
    this.scanResponse = encodeScanResponse(options.name);
    this.rssi = options.rssi ?? -60;
    this.#mtu = options.mtu ?? 247;
    this.database = new GattDatabase([genericAccess(options.name), ...options.services]);
  }

  /** True while a scanner can hear it and a central can connect. */
  get advertises(): boolean {
    return this.#advertising && this.#inRange && !this.#connection;
  }

  get connected(): boolean {
    return this.#connection !== undefined;
  }

  /** MTU of the link, undefined without one. */
  get mtu(): number | undefined {
    return this.#connection?.att.mtu;
  }

  isSubscribed(characteristic: Uuid): boolean {
    return this.#connection?.att.subscription(this.database.handleOf(characteristic)) !== undefined;
  }

  /** Resolves when a central has subscribed to the characteristic; at once if it has already. */
  async whenSubscribed(characteristic: Uuid): Promise<void> {
    while (!this.isSubscribed(characteristic)) await once(this, 'subscribe');
  }

  /**
   * Sends a value of a characteristic in the way the central subscribed to. Resolves true when the host has it
   * (notification) or has confirmed it (indication), false when nobody subscribed or the link ended first.
   */
  async send(characteristic: Uuid, value: Uint8Array): Promise<boolean> {
    const att = this.#connection?.att;
    const handle = this.database.handleOf(characteristic);
    const way = att?.subscription(handle);
    if (!att || !way) return false;
    return way === 'notify' ? att.notify(handle, value) : att.indicate(handle, value);
  }

  /** Ends the link as the device's own wish; it advertises again at once, unless {@link stopAdvertising} was called. */
  disconnect(reason: number = STATUS_REMOTE_USER_ENDED): void {
    this.#connection?.link.drop(reason);
  }

  /** Out of range: the link is lost without a word, and no advertisement is heard until it comes back. */
  leaveRange(): void {
    this.#inRange = false;
    this.disconnect(STATUS_SUPERVISION_TIMEOUT);
  }

  enterRange(): void {
    this.#inRange = true;
    this.#onAir();
  }

  stopAdvertising(): void {
    this.#advertising = false;
  }

  startAdvertising(): void {
    this.#advertising = true;
    this.#onAir();
  }

  /** For the controller: `onAir` is called whenever the device may be connected to again. */
  attach(onAir: () => void): void {
    this.#onAir = onAir;
  }

  /** For the controller: a central has connected. */
  accept(link: PeripheralLink): void {
    const connection: Connection = {
      link,
      encrypted: false,
      att: new AttServer({
        database: this.database,
        maxMtu: this.#mtu,
        send: (pdu, delivered) => link.send(CID_ATT, pdu, delivered),
        isEncrypted: () => connection.encrypted,
        misbehave: (request) => this.misbehave(request),
        onSubscribe: (handle, subscribed) => this.emit('subscribe', handle, subscribed),
      }),
      smp: new SmpResponder({
        central: link.central,
        address: this.address,
        addressType: this.addressType,
        send: (pdu) => link.send(CID_SMP, pdu),
        refusal: () => this.pairingRefusal,
      }),
    };
    this.#connection = connection;
    this.emit('connect');
  }

  /** For the controller: an L2CAP payload from the central. */
  receive(cid: number, payload: Buffer): void {
    if (cid === CID_ATT) this.#connection?.att.receive(payload);
    else if (cid === CID_SMP) this.#connection?.smp.receive(payload);
  }

  /** For the controller: the central starts encryption; true when the key is right. */
  startEncryption(key: Uint8Array): boolean {
    const connection = this.#connection;
    if (!connection?.smp.startEncryption(key)) return false;
    connection.encrypted = true;
    return true;
  }

  /** For the controller: the central knows that the link is encrypted. */
  distributeKeys(): void {
    this.#connection?.smp.distributeKeys();
  }

  /** For the controller: the link has ended. */
  release(reason: number): void {
    const connection = this.#connection;
    if (!connection) return;
    this.#connection = undefined;
    connection.att.close();
    this.emit('disconnect', reason);
    this.#onAir();
  }
}

/** Every device has it (Core 5.2 Vol 3 Part C §12). */
function genericAccess(name: string): ServiceDeclaration {
  return {
    uuid: 0x1800,
    characteristics: [{ uuid: 0x2a00, properties: ['read'], value: Buffer.from(name, 'utf8') }],
  };
}
