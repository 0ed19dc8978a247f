/** A tree of any size by the roots of its complete subtrees, one for each bit of the size: enough to grow and to hash it. */
import { encodeHex, equalBytes } from '../../protocol/bytes.ts';
import { Fault } from '../../protocol/fault.ts';
import { HASH_LENGTH, hashNode, type Sha256 } from '../../protocol/merkle.ts';
import { completeSubtrees, foldRight, type TreeHead } from '../../protocol/tlog-tiles.ts';

export class Frontier {
  readonly #sha256: Sha256;
  readonly #roots: Uint8Array[];
  #size: number;

  /** A tree that was kept, or the empty one. Throws `inconsistent` when the roots are not those of the head. */
  constructor(sha256: Sha256, head?: TreeHead, roots: readonly Uint8Array[] = []) {
    this.#sha256 = sha256;
    this.#size = head?.size ?? 0;
    this.#roots = [...roots];
    const isWhole = roots.length === completeSubtrees({ start: 0, end: this.#size }).length;
    if (!isWhole || roots.some(({ length }) => length !== HASH_LENGTH) || (head && !equalBytes(this.root(), head.root)))
      throw new Fault('inconsistent', 'what was kept of the tree is not its root');
  }

  get size(): number {
    return this.#size;
  }

  /** Roots of the complete subtrees, the largest first. */
  get roots(): readonly Uint8Array[] {
    return this.#roots;
  }

  push(leafHash: Uint8Array): void {
    this.#roots.push(leafHash);
    this.#size++;
    for (let size = this.#size; size % 2 === 0; size /= 2) {
      const right = this.#roots.pop()!;
      const left = this.#roots.pop()!;
      this.#roots.push(hashNode(left, right, this.#sha256));
    }
  }

  root(): Uint8Array {
    return foldRight(this.#roots, this.#sha256);
  }

  /** The roots in hex, largest subtree first. */
  toJSON(): string[] {
    return this.#roots.map(encodeHex);
  }
}
