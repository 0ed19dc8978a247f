/**
 * Prints the verdict of `verifyEd25519` on every edge case, one line of 0 and 1, on whatever Node runs it: the published
 * vectors, and each point of small order as key, as nonce point, and as both.
 */
import { readFileSync } from 'node:fs';
import { concatBytes, decodeHex } from '../../protocol/bytes.ts';
import type { Verify } from '../../protocol/cose.ts';
import { publicKeyOf, verifyEd25519 } from '../../protocol/ed25519.ts';

/** y-coordinates of the eight small-order points, with the non-canonical spellings that lenient decoders take. */
export const SMALL_ORDER = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000080',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
] as const;

interface Group {
  readonly publicKey: { readonly pk: string };
  readonly tests: readonly { readonly msg: string; readonly sig: string }[];
}

/** A verdict on each edge case, always in the same order. */
export function edgeVerdicts(verify: Verify = verifyEd25519): boolean[] {
  const file = new URL('../vectors/wycheproof/ed25519_test.json', import.meta.url);
  const { testGroups } = JSON.parse(readFileSync(file, 'utf8')) as { testGroups: readonly Group[] };
  const published = testGroups.flatMap(({ publicKey, tests }) =>
    tests.map(({ msg, sig }) => verify(decodeHex(publicKey.pk), decodeHex(msg), decodeHex(sig))),
  );
  const honest = publicKeyOf(new Uint8Array(32).fill(9));
  const message = new TextEncoder().encode('the message');
  const points = [...SMALL_ORDER.map(decodeHex), honest];
  const mixed = points.flatMap((key) =>
    points.map((nonce) => verify(key, message, concatBytes(nonce, new Uint8Array(32)))),
  );
  return [...published, ...mixed];
}

if (process.argv[1] === import.meta.filename) {
  process.stdout.write(`${edgeVerdicts().map(Number).join('')}\n`);
}
