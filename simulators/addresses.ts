/** Bluetooth addresses of simulated wearables: the same name has the same address on every machine. */
import { createHash } from 'node:crypto';

/** A static random address (two top bits set, Core 5.2 Vol 6 Part B §1.3.2.1), six octets in hex with colons. */
export function addressOf(name: string): string {
  const octets = createHash('sha256').update(`veravita simulated wearable ${name}`).digest().subarray(0, 6);
  octets[0] = octets[0]! | 0xc0;
  return octets.toString('hex').match(/../g)!.join(':');
}
