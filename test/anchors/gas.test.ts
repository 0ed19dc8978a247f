/** What an anchor costs, printed for docs/benchmarks.md: a figure of the contract alone, the same on every machine. */
import { expect, it } from 'vitest';
import { consistencyRanges, hashLeaf, hashNode, largestPowerBelow } from '../../protocol/merkle.ts';
import { ANVIL_KEYS, startAnvil, withoutAnvil } from '../support/anvil.ts';
import { anchorArgs, callerOf } from '../support/log-anchor.ts';

/** Root of a tree whose leaves are all the same: of any size, because equal subtrees are hashed once. */
const roots = new Map<number, Uint8Array>([[1, hashLeaf(new Uint8Array(32))]]);
function uniformRoot(size: number): Uint8Array {
  let root = roots.get(size);
  if (!root) {
    const left = largestPowerBelow(size);
    root = hashNode(uniformRoot(left), uniformRoot(size - left));
    roots.set(size, root);
  }
  return root;
}

it.skipIf(withoutAnvil())('costs so much gas', async () => {
  const anvil = await startAnvil();
  const writer = callerOf(anvil, ANVIL_KEYS[0]);
  const contract = await writer.deploy();
  const lines: string[] = [];
  let last = 0;
  for (const size of [600, 601, 1200, 4096, 5000, 1_000_000, 1_000_600, 1_001_200, 1_000_000_000, 1_000_000_600]) {
    const proof = consistencyRanges(last, size).map(({ start, end }) => uniformRoot(end - start));
    const { gasUsed } = await writer.call(contract, 'anchor', ...anchorArgs(size, uniformRoot(size), proof));
    lines.push(`${last} -> ${size}: ${proof.length} hashes, ${gasUsed} gas`);
    expect(gasUsed).toBeLessThan(150_000n);
    last = size;
  }
  console.log(lines.join('\n'));
  await anvil.stop();
});
