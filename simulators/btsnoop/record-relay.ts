/**
 * A relay between a Bluetooth host and a controller that speak H4 over streams (Core 5.2 Vol 4 Part A §2): octets pass
 * as they are, both ways, and each packet is recorded when it has passed.
 */
import type { Duplex } from 'node:stream';
import { EVENT, EVT_VENDOR } from '../hci/hci-packets.ts';
import type { CaptureRecord } from './btsnoop-file.ts';

export interface RelayOptions {
  /** Open streams to the two; both are destroyed when one ends, or when what passes is not H4. */
  readonly host: Duplex;
  readonly controller: Duplex;
  /** Milliseconds since the Unix epoch, until the controller stamps its packets with simulated time (`encodeStamp`). */
  readonly clock: { now(): number };
  readonly onRecord: (record: CaptureRecord) => void;
}

/** Octets of type and header, and where in them the length stands (Vol 4 Part E §5.4). */
const HEADERS: Readonly<Record<number, { size: number; lengthOctets: 1 | 2; mask: number } | undefined>> = {
  1: { size: 4, lengthOctets: 1, mask: 0xff }, // command
  2: { size: 5, lengthOctets: 2, mask: 0xffff }, // ACL data
  3: { size: 4, lengthOctets: 1, mask: 0xff }, // synchronous data
  4: { size: 3, lengthOctets: 1, mask: 0xff }, // event
  5: { size: 5, lengthOctets: 2, mask: 0x3fff }, // isochronous data
};

/** Milliseconds; in the year 2255. */
const LATEST = BigInt(Number.MAX_SAFE_INTEGER) / 1000n;

/** Relays until one side ends. Resolves `ended`, or `not-h4` when the streams carry something else. */
export function relayRecorded({ host, controller, clock, onRecord }: RelayOptions): Promise<'ended' | 'not-h4'> {
  return new Promise((resolve) => {
    let stamp: number | undefined;
    const end = (why: 'ended' | 'not-h4') => {
      host.destroy();
      controller.destroy();
      resolve(why);
    };
    const record = (direction: CaptureRecord['direction'], packet: Buffer) => {
      if (direction === 'received') {
        const told = stampIn(packet);
        stamp = told ?? stamp;
        // It is between simulators, and no packet of a controller.
        if (told !== undefined) return;
      }
      const atUs = Math.round(stamp ?? clock.now()) * 1000;
      onRecord({ atUs, direction, packet: new Uint8Array(packet), cut: false });
    };
    const sides = [
      { from: host, to: controller, direction: 'sent' },
      { from: controller, to: host, direction: 'received' },
    ] as const;
    for (const { from, to, direction } of sides) {
      let rest = Buffer.alloc(0);
      from.on('data', (chunk: Buffer) => {
        rest = Buffer.concat([rest, chunk]);
        for (let length = packetLength(rest); length !== undefined; length = packetLength(rest)) {
          if (length === 'invalid') {
            end('not-h4');
            return;
          }
          record(direction, rest.subarray(0, length));
          rest = rest.subarray(length);
        }
        if (to.destroyed || to.write(chunk)) return;
        from.pause();
        to.once('drain', () => from.resume());
      });
      from.on('error', () => end('ended'));
      from.on('end', () => end('ended'));
      from.on('close', () => end('ended'));
    }
  });
}

/** Length of the first packet when it is whole. */
function packetLength(bytes: Buffer): number | 'invalid' | undefined {
  if (bytes.length === 0) return undefined;
  const header = HEADERS[bytes.readUInt8(0)];
  if (!header) return 'invalid';
  const { size, lengthOctets, mask } = header;
  if (bytes.length < size) return undefined;
  const length = size + (bytes.readUIntLE(size - lengthOctets, lengthOctets) & mask);
  return bytes.length < length ? undefined : length;
}

/** The instant in the vendor event that stamps what follows. */
function stampIn(packet: Buffer): number | undefined {
  const isStamp = packet[0] === EVENT && packet[1] === EVT_VENDOR && packet.length === 12 && packet[3] === 0x56;
  const instant = isStamp ? packet.readBigUInt64LE(4) : undefined;
  // Microseconds of it would not be counted exactly any more: it is somebody else's vendor event.
  return instant === undefined || instant > LATEST ? undefined : Number(instant);
}
