/**
 * The parts of `@abandonware/noble` 1.9.2-26 that the radio uses or mends, as types. Its own type declarations cover
 * only its public face. `harden-noble.ts` checks that each patched symbol is there.
 */
import type { EventEmitter } from 'node:events';
import type { HciTransport } from './hci-transport.ts';
import type { SmpInitiator } from './smp-initiator.ts';

export interface Advertisement {
  readonly localName?: string;
  readonly serviceUuids?: readonly string[];
  readonly serviceData?: readonly { readonly uuid: string; readonly data: Buffer }[];
  readonly manufacturerData?: Buffer;
}

/** noble's Peripheral. Its `attError` event comes from the hardening. */
export interface NoblePeripheral extends EventEmitter {
  /** Address without colons, lower case. */
  readonly id: string;
  readonly address: string;
  readonly addressType: 'public' | 'random';
  readonly connectable: boolean | number;
  readonly advertisement: Advertisement;
  readonly rssi: number;
  readonly state: 'error' | 'connecting' | 'connected' | 'disconnecting' | 'disconnected';
  connect(): void;
  disconnect(): void;
  discoverServices(uuids: readonly string[]): void;
}

export interface NobleService extends EventEmitter {
  readonly uuid: string;
  discoverCharacteristics(uuids: readonly string[]): void;
}

export interface NobleCharacteristic extends EventEmitter {
  readonly uuid: string;
  readonly _serviceUuid: string;
  readonly properties: readonly string[];
  read(): void;
  write(data: Buffer, withoutResponse: boolean): void;
  notify(enable: boolean): void;
}

export interface Noble extends EventEmitter {
  readonly _bindings: Bindings;
  readonly _peripherals: Record<string, NoblePeripheral>;
  readonly _services: Record<string, unknown>;
  readonly _characteristics: Record<string, unknown>;
  readonly _descriptors: Record<string, unknown>;
  readonly _discoveredPeripheralUUids: Record<string, unknown>;
  startScanning(serviceUuids: readonly string[], allowDuplicates: boolean): void;
  stopScanning(): void;
}

export interface Hci extends EventEmitter {
  _socket: HciTransport;
  _state: string | null;
  _isDevUp: boolean | null;
  _userChannel: unknown;
  _aclConnections: Map<number, { pending: number }>;
  _aclQueue: { handle: number; packet: Buffer }[];
  _handleBuffers: Record<number, unknown>;
  /** Added by the hardening: handles of the LE Start Encryption commands that have no Command Status yet. */
  _encrypting?: number[];
  /** Added by the hardening. */
  _poll?: NodeJS.Timeout;
  _closed?: boolean;
  getAclBuffers(): Promise<{ length: number; num: number }>;
  init(): void;
  pollIsDevUp(): void;
  flushAcl(): Promise<void>;
  onSocketData(data: Buffer): void;
  startLeEncryption(handle: number, random: Buffer, diversifier: Buffer, key: Buffer): void;
  setSocketFilter(): void;
  setEventMask(): void;
  setLeEventMask(): void;
  readLocalVersion(): void;
  writeLeHostSupported(): void;
  readLeHostSupported(): void;
  readLeBufferSize(): void;
  readBdAddr(): void;
}

/** An ATT Error Response (Core 5.2 Vol 3 Part F §3.4.1.1). */
export interface AttError {
  /** Opcode of the request that it answers. */
  readonly request: number;
  readonly handle: number;
  readonly code: number;
}

/** An indication while noble hands it on, and whether somebody took over its confirmation. */
export interface Indication {
  held: boolean;
  readonly confirm: () => void;
}

export interface Gatt extends EventEmitter {
  _address: string;
  _mtu: number;
  _desired_mtu: number;
  _security: 'low' | 'medium';
  _currentCommand: { buffer: Buffer } | null;
  _services: Record<string, { uuid: string; startHandle: number; endHandle: number }>;
  _descriptors: Record<string, object>;
  _characteristics: Record<
    string,
    Record<string, { uuid: string; startHandle: number; endHandle: number; valueHandle: number; properties: number }>
  >;
  /** Added by the hardening. */
  _pairingFor?: AttError | undefined;
  _indication?: Indication | undefined;
  _ended?: boolean;
  /** Whether an authentication error is worth pairing for; without it, once per link. */
  _maySecure?: () => boolean;
  /** Subscriptions that the device still has are not written again, and none is ever ended. */
  _keepsSubscriptions?: boolean;
  onAclStreamData(cid: number, data: Buffer): void;
  onAclStreamEncrypt(encrypted: number): void;
  onAclStreamEncryptFail(): void;
  onAclStreamEnd(): void;
  exchangeMtu(): void;
  notify(service: string, characteristic: string, enable: boolean): void;
  discoverServices(uuids: readonly string[]): void;
  discoverCharacteristics(service: string, uuids: readonly string[]): void;
  readByGroupRequest(startHandle: number, endHandle: number, type: number): Buffer;
  readByTypeRequest(startHandle: number, endHandle: number, type: number): Buffer;
  writeRequest(handle: number, value: Buffer, withoutResponse: boolean): Buffer;
  mtuRequest(mtu: number): Buffer;
  handleConfirmation(): Buffer;
  writeAtt(data: Buffer): void;
  _queueCommand(buffer: Buffer, callback: ((data: Buffer) => void) | null, writeCallback?: () => void): void;
}

/** noble's SMP of one link; all it does is done by the initiator that the hardening adds. */
export interface Smp extends EventEmitter {
  readonly _aclStream: AclStream;
  readonly _iat: Buffer;
  readonly _ia: Buffer;
  readonly _rat: Buffer;
  readonly _ra: Buffer;
  _initiator?: SmpInitiator;
  sendPairingRequest(): void;
  onAclStreamData(cid: number, data: Buffer): void;
  onAclStreamEnd(): void;
  write(data: Buffer): void;
}

export interface AclStream extends EventEmitter {
  readonly _hci: Hci;
  readonly _handle: number;
  readonly _smp: Smp;
  /** Added by the hardening: secures the link because an ATT error asked for it; rejects when that fails. */
  _secure?: () => Promise<void>;
  encrypt(): void;
  pushEncrypt(encrypted: number): void;
}

export interface Bindings extends EventEmitter {
  _hci: Hci;
  _gap: { _discoveries: Record<string, unknown> };
  _pendingConnectionUuid: string | null;
  _connectionQueue: unknown[];
  _handles: Record<string | number, string | number>;
  _gatts: Record<string | number, Gatt>;
  _aclStreams: Record<number, AclStream>;
  _addresses: Record<string, unknown>;
  _addresseTypes: Record<string, unknown>;
  _connectable: Record<string, unknown>;
  scannable: Record<string, unknown>;
  onSigIntBinded: () => void;
  init(): void;
  onStateChange(state: string): void;
  onLeConnComplete(status: number, handle?: number, role?: number, addressType?: string, address?: string): void;
  onDisconnComplete(handle: number, reason: number): void;
  cancelConnect(peripheralId: string): void;
}

/** noble's classes as its CommonJS modules export them. */
export interface NobleClasses {
  readonly Hci: { readonly prototype: Hci };
  readonly Gatt: { readonly prototype: Gatt };
  readonly Smp: { readonly prototype: Smp };
  readonly AclStream: { readonly prototype: AclStream };
  readonly Bindings: { new (options: object): Bindings; readonly prototype: Bindings };
  readonly withBindings: (bindings: Bindings) => Noble;
  readonly version: string;
}
