/**
 * Advertising: what a peripheral puts on the air (Core 5.2 Vol 3 Part C §11; Supplement Part A) and the reports that a
 * scanning controller makes of it.
 */
import { encodeAddress, encodeLeEvent, LE_ADVERTISING_REPORT, u16 } from './hci-packets.ts';
import type { VirtualPeripheral } from './virtual-peripheral.ts';

const FLAGS = 0x01;
const COMPLETE_16_BIT_UUIDS = 0x03;
const COMPLETE_NAME = 0x09;
const SERVICE_DATA_16_BIT = 0x16;
const MANUFACTURER_DATA = 0xff;
/** LE general discoverable, no BR/EDR. */
const GENERAL_DISCOVERABLE = 0x06;
/** Most octets of advertising data (Vol 6 Part B §2.3.1). */
const MAX_DATA = 31;

/** Report types (Vol 4 Part E §7.7.65.2). */
const ADV_IND = 0x00;
const ADV_NONCONN_IND = 0x03;
const SCAN_RSP = 0x04;

/** One piece of data in an advertisement (Supplement Part A §1.4, §1.11). */
export type AdvertisedData =
  /** Service data of a 16-bit UUID. */
  | { readonly kind: 'service'; readonly uuid: number; readonly octets: Uint8Array }
  /** Manufacturer data; the company identifier comes first. */
  | { readonly kind: 'manufacturer'; readonly octets: Uint8Array };

/** What an advertisement says. */
export interface AdvertisementContent {
  /** 16-bit UUIDs. */
  readonly services: readonly number[];
  readonly data?: readonly AdvertisedData[];
  /** The name, for those who are never asked for a scan response; left out otherwise. */
  readonly name?: string;
}

/** Advertising data with flags. Throws a RangeError on more than 31 octets. */
export function encodeAdvertisement({ services, data = [], name }: AdvertisementContent): Buffer {
  const advertisement = Buffer.concat([
    encodeStructure(FLAGS, Buffer.from([GENERAL_DISCOVERABLE])),
    services.length > 0 ? encodeStructure(COMPLETE_16_BIT_UUIDS, Buffer.concat(services.map(u16))) : Buffer.alloc(0),
    ...data.map(encodeData),
    name === undefined ? Buffer.alloc(0) : encodeStructure(COMPLETE_NAME, Buffer.from(name, 'utf8')),
  ]);
  if (advertisement.length > MAX_DATA) throw new RangeError('more than one advertisement holds');
  return advertisement;
}

function encodeData(data: AdvertisedData): Buffer {
  if (data.kind === 'manufacturer') return encodeStructure(MANUFACTURER_DATA, data.octets);
  return encodeStructure(SERVICE_DATA_16_BIT, Buffer.concat([u16(data.uuid), data.octets]));
}

/** Scan response with the device's name. */
export function encodeScanResponse(name: string): Buffer {
  const data = encodeStructure(COMPLETE_NAME, Buffer.from(name, 'utf8'));
  if (data.length > MAX_DATA) throw new RangeError('a name longer than one scan response holds');
  return data;
}

function encodeStructure(type: number, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([data.length + 1, type]), data]);
}

/** Reports what is on the air to a scanning host at every interval. */
export class Scanner {
  readonly #intervalMs: number;
  readonly #peripherals: () => Iterable<VirtualPeripheral>;
  readonly #report: (event: Buffer) => void;
  #timer: NodeJS.Timeout | undefined;
  #seen: Set<string> | undefined;

  constructor(options: {
    readonly intervalMs: number;
    readonly peripherals: () => Iterable<VirtualPeripheral>;
    readonly report: (event: Buffer) => void;
  }) {
    this.#intervalMs = options.intervalMs;
    this.#peripherals = options.peripherals;
    this.#report = options.report;
  }

  /** LE Set Scan Enable with 1; `filterDuplicates` reports each device once. */
  start(filterDuplicates: boolean): void {
    this.stop();
    this.#seen = filterDuplicates ? new Set() : undefined;
    this.#timer = setInterval(() => this.#reportAll(), this.#intervalMs);
    this.#reportAll();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #reportAll(): void {
    for (const peripheral of this.#peripherals()) {
      if (!peripheral.advertises || this.#seen?.has(peripheral.address)) continue;
      this.#seen?.add(peripheral.address);
      this.#report(
        encodeReport(peripheral, peripheral.connectable ? ADV_IND : ADV_NONCONN_IND, peripheral.advertisement),
      );
      // Nobody may ask a device for more that nobody can connect to in this way (Vol 6 Part B §4.4.2.6).
      if (!peripheral.connectable) continue;
      // Always, even when empty: a host that waits for it reports the device only then.
      this.#report(encodeReport(peripheral, SCAN_RSP, peripheral.scanResponse));
    }
  }
}

/** LE Advertising Report of one device (Vol 4 Part E §7.7.65.2). */
function encodeReport(peripheral: VirtualPeripheral, type: number, data: Buffer): Buffer {
  return encodeLeEvent(
    LE_ADVERTISING_REPORT,
    Buffer.from([1, type, peripheral.addressType === 'random' ? 1 : 0]),
    encodeAddress(peripheral.address),
    Buffer.from([data.length]),
    data,
    Buffer.from([peripheral.rssi & 0xff]),
  );
}
