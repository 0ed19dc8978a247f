/** Proofs in Ethereum's Merkle-Patricia tries (Yellow Paper, Appendix D), in which keys are hashed with Keccak-256. */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { equalBytes } from './bytes.ts';
import { Fault } from './fault.ts';
import { asRlpList, asRlpOctets, decodeRlp, type Rlp } from './rlp.ts';

/**
 * The value that a trie of this root holds under the key. `proof` is the nodes from the root down, none more. Throws
 * `inconsistent` when they do not lead there, and what {@link decodeRlp} throws.
 */
export function provenValue(root: Uint8Array, key: Uint8Array, proof: readonly Uint8Array[]): Uint8Array {
  const nibbles = nibblesOf(keccak_256(key));
  const nodes = [...proof];
  let place: Rlp = root;
  for (let depth = 0; ; ) {
    const node = asRlpList(place instanceof Uint8Array ? openNode(place, nodes.shift()) : place, 2);
    if (node.length === 17) {
      if (depth === nibbles.length) throw new Fault('inconsistent', 'the trie does not hold the key');
      place = node[nibbles[depth++]!]!;
      continue;
    }
    if (node.length !== 2) throw new Fault('malformed', 'not a node of a trie');
    const { path, leaf } = decodePath(asRlpOctets(node[0]));
    const fits = path.every((nibble, i) => nibble === nibbles[depth + i]);
    depth += path.length;
    if (!fits || leaf !== (depth === nibbles.length)) throw new Fault('inconsistent', 'the trie does not hold the key');
    if (!leaf) {
      place = node[1]!;
      continue;
    }
    if (nodes.length > 0) throw new Fault('inconsistent', 'nodes that the proof does not need');
    return asRlpOctets(node[1]);
  }
}

function openNode(hash: Uint8Array, node: Uint8Array | undefined): Rlp {
  if (node === undefined || !equalBytes(keccak_256(node), hash)) {
    throw new Fault('inconsistent', 'the nodes do not lead from the root to the key');
  }
  return decodeRlp(node);
}

/** Hex-prefix encoding. Yellow Paper, Appendix C */
function decodePath(encoded: Uint8Array): { path: number[]; leaf: boolean } {
  const nibbles = nibblesOf(encoded);
  const [flags = 4] = nibbles;
  if (flags > 3 || (flags % 2 === 0 && nibbles[1] !== 0)) throw new Fault('malformed', 'not a path of a trie');
  return { path: nibbles.slice(flags % 2 === 0 ? 2 : 1), leaf: flags >= 2 };
}

function nibblesOf(bytes: Uint8Array): number[] {
  return [...bytes].flatMap((octet) => [octet >> 4, octet & 15]);
}
