/**
 * A simulated Bluetooth LE peripheral: it advertises, accepts one link, serves its attribute table and sends
 * notifications and indications. Add it to a {@link VirtualController}; it can be made to fail in the ways real ones do.
 */
import { EventEmitter, once } from 'node:events';
import { type AdvertisedData, encodeAdvertisement, encodeScanResponse } from './advertising.ts';
import { isDiscovery } from './att-codes.ts';
import { AttServer, type Misbehaviour } from './att-server.ts';
import { DeviceSecurity } from './device-security.ts';
import { GattDatabase, type ServiceDeclaration, type Uuid } from './gatt-database.ts';
import { CID_ATT, CID_SMP, STATUS_REMOTE_USER_ENDED, STATUS_SUPERVISION_TIMEOUT } from './hci-packets.ts';
import type { PeripheralOptions } from './peripheral-options.ts';
import { type Encryption, SmpResponder } from './smp-responder.ts';

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

/** What a device tells the controller on whose air it is. */
export interface Air {
  /** It may be connected to again. */
  readonly onAir: () => void;
  readonly onAddress: (before: string) => void;
}

interface PeripheralEvents {
  /** A central subscribed to the value of this handle, or ended that. */
  subscribe: [valueHandle: number, subscribed: boolean];
  connect: [];
  /** It shows these six digits. */
  passkey: [passkey: number];
  /** It waits for {@link VirtualPeripheral.enterPasskey}. */
  passkeyWanted: [];
  /** The link is encrypted, with a key just agreed on or with that of a bond. */
  encrypted: [by: 'paired' | 'bonded'];
  /** With the HCI reason. */
  disconnect: [reason: number];
}

export class VirtualPeripheral extends EventEmitter<PeripheralEvents> {
  readonly addressType: 'public' | 'random';
  readonly name: string;
  /** False of one that broadcasts and takes no connection. */
  readonly connectable: boolean;
  /** What it was made of. */
  readonly declared: PeripheralOptions;
  advertisement: Buffer;
  readonly scanResponse: Buffer;
  readonly database: GattDatabase;
  readonly rssi: number;

  /** Set to answer some requests wrongly or not at all. */
  misbehave: (request: Uint8Array) => Misbehaviour | undefined = () => undefined;
  /** Largest ATT MTU that it offers on its next link. */
  maxMtu: number;
  /** Set to an SMP reason to refuse pairing. */
  pairingRefusal: number | undefined;

  readonly #security: DeviceSecurity;
  readonly #identityAddress: string;
  #address: string;
  #inRange = true;
  #advertising = true;
  #connection: Connection | undefined;
  #air: Air = { onAir: () => undefined, onAddress: () => undefined };

  constructor(options: PeripheralOptions) {
    super();
    this.#address = options.address.toLowerCase();
    this.#identityAddress = this.#address;
    this.#security = new DeviceSecurity(options.security ?? {});
    this.addressType = options.addressType ?? 'random';
    this.name = options.name;
    this.connectable = options.connectable ?? true;
    this.declared = options;
    this.advertisement = this.#encodeAdvertisement(options.data ?? []);
    this.scanResponse = encodeScanResponse(options.name);
    this.rssi = options.rssi ?? -60;
    this.maxMtu = options.mtu ?? 247;
    this.database = new GattDatabase([genericAccess(options.name), ...options.services]);
  }

  /** Lower case; it changes where the device rotates it. */
  get address(): string {
    return this.#address;
  }

  /** The link, if any, is encrypted. */
  get encrypted(): boolean {
    return this.#connection?.encrypted ?? false;
  }

  /** How many centrals it is bonded with. */
  get bondCount(): number {
    return this.#security.bonds.size;
  }

  /** True while a scanner can hear it, and a central can connect if it is {@link connectable}. */
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
    this.#air.onAir();
  }

  /** Changes the data that it advertises. Throws a RangeError when one advertisement does not hold them. */
  advertise(data: readonly AdvertisedData[]): void {
    this.advertisement = this.#encodeAdvertisement(data);
  }

  stopAdvertising(): void {
    this.#advertising = false;
  }

  startAdvertising(): void {
    this.#advertising = true;
    this.#air.onAir();
  }

  /** Loses its keys, as after a change of battery or a reset. */
  forgetBonds(): void {
    this.#security.bonds.clear();
  }

  /** Takes a new private address, as devices with privacy do every quarter of an hour; not while it is connected. */
  rotateAddress(): void {
    if (this.#connection) throw new RangeError('the device is connected');
    const before = this.#address;
    this.#address = this.#security.nextAddress();
    this.#air.onAddress(before);
  }

  /** Somebody enters on the device what the central shows. */
  enterPasskey(passkey: number): void {
    this.#connection?.smp.enterPasskey(passkey);
  }

  /** Asks the central for security in the middle of a link. */
  requestSecurity(): void {
    this.#connection?.smp.requestSecurity();
  }

  /** For the controller. */
  attach(air: Air): void {
    this.#air = air;
  }

  /** For the controller: a central has connected. */
  accept(link: PeripheralLink): void {
    const connection: Connection = {
      link,
      encrypted: false,
      att: new AttServer({
        database: this.database,
        maxMtu: this.maxMtu,
        send: (pdu, delivered) => link.send(CID_ATT, pdu, delivered),
        protects: (attribute) => connection.smp.protects(attribute, connection.encrypted),
        misbehave: (request) => this.#misbehave(connection, request),
        onConfigure: (handle, bits) => this.#onConfigure(connection, handle, bits),
      }),
      smp: new SmpResponder({
        central: link.central,
        address: this.address,
        addressType: this.addressType,
        identityAddress: this.#identityAddress,
        security: this.#security,
        send: (pdu) => link.send(CID_SMP, pdu),
        refusal: () => this.pairingRefusal,
        onDisplay: (passkey) => this.emit('passkey', passkey),
        onEntry: () => this.emit('passkeyWanted'),
      }),
    };
    this.#connection = connection;
    if (this.#security.options.requestsSecurity) connection.smp.requestSecurity();
    this.emit('connect');
  }

  /** For the controller: an L2CAP payload from the central. */
  receive(cid: number, payload: Buffer): void {
    if (cid === CID_ATT) this.#connection?.att.receive(payload);
    else if (cid === CID_SMP) this.#connection?.smp.receive(payload);
  }

  /** For the controller: the central starts encryption with a key and what names it. */
  startEncryption(key: Uint8Array, diversifier: Uint8Array, random: Uint8Array): Encryption {
    const connection = this.#connection;
    if (!connection) return 'no-key';
    const outcome = connection.smp.startEncryption(key, diversifier, random);
    if (outcome === 'paired' || outcome === 'bonded') connection.encrypted = true;
    return outcome;
  }

  /** For the controller: the central has been told that the link is encrypted. */
  whenEncrypted(by: 'paired' | 'bonded'): void {
    const connection = this.#connection;
    if (!connection) return;
    const { bond } = connection.smp;
    if (by === 'paired') connection.smp.distributeKeys();
    else if (bond && this.#security.options.keepsSubscriptions) connection.att.restore(bond.subscriptions);
    this.emit('encrypted', by);
  }

  /** For the controller: the link has ended. */
  release(reason: number): void {
    const connection = this.#connection;
    if (!connection) return;
    this.#connection = undefined;
    connection.att.close();
    this.emit('disconnect', reason);
    this.#air.onAir();
  }

  #encodeAdvertisement(data: readonly AdvertisedData[]): Buffer {
    const { advertises, name } = this.declared;
    return encodeAdvertisement({ services: advertises, data, ...(!this.connectable && { name }) });
  }

  #misbehave(connection: Connection, request: Uint8Array): Misbehaviour | undefined {
    const { powersOffWhenDiscoveredUnpaired } = this.#security.options;
    if (powersOffWhenDiscoveredUnpaired && !connection.encrypted && isDiscovery(request[0] ?? 0)) {
      this.stopAdvertising();
      this.disconnect();
      return 'silence';
    }
    return this.misbehave(request);
  }

  #onConfigure({ smp, encrypted }: Connection, handle: number, bits: number): void {
    const { bond } = smp;
    if (encrypted && bond) {
      bond.subscriptions.set(handle, bits);
      if (bits === 0 && this.#security.options.unsubscribingDestroysBond) this.forgetBonds();
    }
    this.emit('subscribe', handle, (bits & 0b11) !== 0);
  }
}

/** Every device has it (Core 5.2 Vol 3 Part C §12). */
function genericAccess(name: string): ServiceDeclaration {
  return {
    uuid: 0x1800,
    characteristics: [{ uuid: 0x2a00, properties: ['read'], value: Buffer.from(name, 'utf8') }],
  };
}
