/** What a simulated peripheral is made of. */
import type { AdvertisedData } from './advertising.ts';
import type { SecurityOptions } from './device-security.ts';
import type { ServiceDeclaration } from './gatt-database.ts';

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
  /** Data beside them; `VirtualPeripheral.advertise` changes it. */
  readonly data?: readonly AdvertisedData[];
  /** False: it advertises only (ADV_NONCONN_IND), its name in the advertisement if at all; true by default. */
  readonly connectable?: boolean;
  /** dBm. */
  readonly rssi?: number;
  /** Largest ATT MTU the device offers. */
  readonly mtu?: number;
  /** How it pairs; by Just Works, keeping its bonds, without. */
  readonly security?: SecurityOptions;
}
