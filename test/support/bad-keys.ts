/** Public keys that must not be taken, and rotations that an attacker builds around them. */
import { ed25519 } from '@noble/curves/ed25519.js';
import { encodeHex } from '../../protocol/bytes.ts';
import { encodeCbor } from '../../protocol/cbor.ts';
import { type Signer, signPayload } from '../../protocol/cose.ts';
import { HEARD_AT, PARTIES } from './receipt-builder.ts';

const { agent } = PARTIES;
const { Point } = ed25519;

/** Keys that no honest machine makes: small order, not canonical, with a part of small order, off the curve. */
export const BAD_KEYS = {
  identity: '0100000000000000000000000000000000000000000000000000000000000000',
  'order 2': 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'order 4': '0000000000000000000000000000000000000000000000000000000000000000',
  'order 8': 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'identity, not canonical': 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'negative zero': '0100000000000000000000000000000000000000000000000000000000000080',
  'of mixed order': encodeHex(
    Point.fromBytes(agent.publicKey)
      .add(Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'))
      .toBytes(),
  ),
  'not on the curve': '0200000000000000000000000000000000000000000000000000000000000000',
};

/** As an attacker builds it: whatever key, and signatures of somebody else's. */
export function forgedRotation(oldKey: Uint8Array, newKey: Uint8Array, signer: Signer = agent): Uint8Array {
  const fields = new Map<number, Uint8Array | number>([
    [0, oldKey],
    [1, newKey],
    [2, 7],
    [3, new Uint8Array(32).fill(5)],
    [4, HEARD_AT],
    [5, new Uint8Array(32)],
    [6, new Uint8Array(64)],
  ]);
  return signPayload('rotation', encodeCbor(fields), signer);
}
