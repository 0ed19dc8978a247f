/**
 * Stands before the broker on every connection and keeps oversized MQTT packets out of memory: aedes has no packet limit
 * of its own. An oversized PUBLISH is swallowed octet by octet and answered like any other (PUBACK), so that a client
 * does not send it for ever; any other oversized packet ends the connection. MQTT 3.1.1 §2.2 (fixed header).
 */
import { Transform, type TransformCallback } from 'node:stream';

/** An oversized PUBLISH that was swallowed. */
export interface SwallowedPublish {
  readonly topic: string;
  readonly octets: number;
  /** Present for QoS 1. */
  readonly messageId?: number;
}

export interface PacketGuardOptions {
  /** Largest packet after its fixed header. */
  readonly maxOctets: number;
  readonly onSwallowed: (publish: SwallowedPublish) => void;
}

const PUBLISH = 3;
/** Enough of an oversized packet to read its topic (our longest has 77 octets) and message id. */
const KEPT_OCTETS = 512;

/** Passes whole small packets on in the chunks they came in; emits an error for what cannot be an MQTT packet. */
export function createPacketGuard({ maxOctets, onSwallowed }: PacketGuardOptions): Transform {
  let head: number[] = []; // fixed header so far
  let left = 0; // octets of the current packet still to come
  let swallowing: { kept: Buffer; octets: number; firstOctet: number } | undefined;

  function guard(this: Transform, chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let at = 0;
    while (at < chunk.length) {
      if (left === 0) {
        head.push(chunk[at++]!);
        const length = remainingLength(head);
        if (length === 'malformed') {
          done(new Error('not an MQTT packet'));
          return;
        }
        if (length === undefined) continue;
        left = length;
        if (length > maxOctets) {
          if (head[0]! >> 4 !== PUBLISH) {
            done(new Error('an MQTT packet over the limit'));
            return;
          }
          swallowing = { kept: Buffer.alloc(0), octets: length, firstOctet: head[0]! };
        } else {
          this.push(Buffer.from(head));
        }
        head = [];
        continue;
      }
      const part = chunk.subarray(at, at + left);
      at += part.length;
      left -= part.length;
      if (!swallowing) {
        this.push(part);
        continue;
      }
      const { kept } = swallowing;
      if (kept.length < KEPT_OCTETS)
        swallowing.kept = Buffer.concat([kept, part.subarray(0, KEPT_OCTETS - kept.length)]);
      if (left === 0) {
        onSwallowed(describePublish(swallowing));
        swallowing = undefined;
      }
    }
    done();
  }
  return new Transform({ transform: guard });
}

/** MQTT 3.1.1 §2.2.3: seven bits an octet, at most four octets, least significant first. */
function remainingLength(head: readonly number[]): number | 'malformed' | undefined {
  if (head.length === 1) return undefined;
  const last = head.at(-1)!;
  if (last & 0x80) return head.length === 5 ? 'malformed' : undefined;
  return head.slice(1).reduce((sum, octet, i) => sum + (octet & 0x7f) * 128 ** i, 0);
}

function describePublish({ kept, octets, firstOctet }: { kept: Buffer; octets: number; firstOctet: number }) {
  const topicEnd = 2 + kept.readUInt16BE(0);
  if (topicEnd + 2 > kept.length) return { topic: '', octets };
  const topic = kept.toString('latin1', 2, topicEnd);
  const qos = (firstOctet >> 1) & 3;
  return { topic, octets, ...(qos > 0 && { messageId: kept.readUInt16BE(topicEnd) }) };
}
