/** H4 framing (Core 5.2 Vol 4 Part A §2): cuts a byte stream from a controller into packets. */

export const H4_COMMAND = 0x01;
export const H4_ACL_DATA = 0x02;
export const H4_SYNCHRONOUS_DATA = 0x03;
export const H4_EVENT = 0x04;
export const H4_ISO_DATA = 0x05;

/** Where the length stands in each header (Vol 4 Part E §5.4): octets of type and header, octets of length, mask. */
const HEADERS: Readonly<Record<number, { size: number; lengthOctets: 1 | 2; mask: number }>> = {
  [H4_ACL_DATA]: { size: 5, lengthOctets: 2, mask: 0xffff },
  [H4_SYNCHRONOUS_DATA]: { size: 4, lengthOctets: 1, mask: 0xff },
  [H4_EVENT]: { size: 3, lengthOctets: 1, mask: 0xff },
  [H4_ISO_DATA]: { size: 5, lengthOctets: 2, mask: 0x3fff },
};

/** Collects chunks and gives whole packets. After false it is out of step for good; open the stream anew. */
export class H4Splitter {
  #bytes: Buffer = Buffer.alloc(0);
  readonly #onPacket: (packet: Buffer) => void;

  constructor(onPacket: (packet: Buffer) => void) {
    this.#onPacket = onPacket;
  }

  /** Takes a chunk. False when the stream holds an octet that starts no packet. */
  push(chunk: Buffer): boolean {
    this.#bytes = this.#bytes.length > 0 ? Buffer.concat([this.#bytes, chunk]) : chunk;
    while (this.#bytes.length > 0) {
      const header = HEADERS[this.#bytes.readUInt8(0)];
      if (!header) return false;
      if (this.#bytes.length < header.size) return true;
      const field = this.#bytes.readUIntLE(header.size - header.lengthOctets, header.lengthOctets);
      const length = header.size + (field & header.mask);
      if (this.#bytes.length < length) return true;
      // A copy, so that nobody holds a view into a buffer that goes on changing.
      const packet = Buffer.from(this.#bytes.subarray(0, length));
      this.#bytes = this.#bytes.subarray(length);
      this.#onPacket(packet);
    }
    return true;
  }
}
