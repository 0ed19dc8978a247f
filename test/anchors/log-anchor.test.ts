/** The contract on a real EVM: whom it lets write, and that it takes no head that does not extend the last. */
import fc from 'fast-check';
import { decodeFunctionResult, encodeFunctionData, type Hex } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import artifact from '../../ledger-writer/evm/log-anchor.json' with { type: 'json' };
import { consistencyProof, hashLeaf, rootOf, verifyConsistency } from '../../protocol/merkle.ts';
import { ANVIL_KEYS, type Anvil, hexOf, startAnvil, withoutAnvil } from '../support/anvil.ts';
import { ABI, anchorArgs, type Caller, callerOf } from '../support/log-anchor.ts';

const LEAVES = Array.from({ length: 200 }, (_, i) => hashLeaf(Uint8Array.of(i)));
const FORK = LEAVES.map((leaf, i) => (i === 3 ? hashLeaf(Uint8Array.of(3, 3)) : leaf));
const rootAt = (size: number, leaves = LEAVES) => rootOf(leaves.slice(0, size));
const head = (from: number, to: number, leaves = LEAVES) =>
  anchorArgs(to, rootAt(to, leaves), consistencyProof(leaves, from, to));

describe.skipIf(withoutAnvil())('the contract', () => {
  let anvil: Anvil;
  let writer: Caller;
  let other: Caller;
  let contract: Hex;

  beforeAll(async () => {
    anvil = await startAnvil();
    writer = callerOf(anvil, ANVIL_KEYS[0]);
    other = callerOf(anvil, ANVIL_KEYS[1]);
    contract = await writer.deploy();
  });
  afterAll(() => anvil.stop());

  it('has the bytecode that is committed', async () => {
    expect(await anvil.rpc('eth_getCode', contract, 'latest')).toBe(artifact.deployedBytecode);
  });

  it('takes heads of one history only, from its writer only', async () => {
    await expect(other.call(contract, 'anchor', ...head(0, 5))).rejects.toThrow('NotWriter');
    await expect(writer.call(contract, 'anchor', 0n, hexOf(rootAt(0)), [])).rejects.toThrow('NotLarger');
    await expect(writer.call(contract, 'anchor', 5n, hexOf(new Uint8Array(32)), [])).rejects.toThrow('NotConsistent');
    await expect(writer.call(contract, 'anchor', 5n, hexOf(rootAt(5)), [hexOf(rootAt(1))])).rejects.toThrow(
      'NotConsistent',
    );
    const { logs } = await writer.call(contract, 'anchor', ...head(0, 5));
    expect(logs[0]!.data).toBe(hexOf(Uint8Array.of(...new Uint8Array(31), 5, ...rootAt(5))));
    await writer.call(contract, 'anchor', ...head(5, 9));
    await expect(writer.call(contract, 'anchor', ...head(5, 9)), 'again').rejects.toThrow('NotLarger');
    await expect(writer.call(contract, 'anchor', ...head(5, 7)), 'a rollback').rejects.toThrow('NotLarger');
    await expect(writer.call(contract, 'anchor', ...head(9, 20, FORK)), 'a fork').rejects.toThrow('NotConsistent');
    await writer.call(contract, 'anchor', ...head(9, 20));
    expect(await writer.read(contract, 'size')).toBe(20n);
    expect(await writer.read(contract, 'rootAt', 9n)).toBe(hexOf(rootAt(9)));
    expect(await writer.read(contract, 'rootAt', 10n)).toBe(hexOf(new Uint8Array(32)));
  });

  it('changes its writer in two steps', async () => {
    const own = await writer.deploy();
    await expect(other.call(own, 'offerWriter', other.address)).rejects.toThrow('NotWriter');
    await expect(other.call(own, 'acceptWriter')).rejects.toThrow('NotWriter');
    await writer.call(own, 'offerWriter', other.address);
    await writer.call(own, 'anchor', ...head(0, 2)); // an offer changes nothing yet
    await expect(other.call(own, 'anchor', ...head(2, 3))).rejects.toThrow('NotWriter');
    await other.call(own, 'acceptWriter');
    await expect(writer.call(own, 'anchor', ...head(2, 3))).rejects.toThrow('NotWriter');
    await other.call(own, 'anchor', ...head(2, 3));
    await expect(writer.call(own, 'acceptWriter'), 'the offer is used up').rejects.toThrow('NotWriter');
  });

  /** `isConsistent` of many claims, each an `eth_call`. */
  async function onChain(first: number, r1: Uint8Array, second: number, r2: Uint8Array, proof: readonly Uint8Array[]) {
    const functionName = 'isConsistent';
    const args = [BigInt(first), hexOf(r1), BigInt(second), hexOf(r2), proof.map(hexOf)];
    const data = encodeFunctionData({ abi: ABI, functionName, args });
    const result = await anvil.rpc('eth_call', { to: contract, data }, 'latest');
    return decodeFunctionResult({ abi: ABI, functionName, data: result as Hex });
  }

  it('agrees with our own check on every pair of small sizes', async () => {
    const cases = [];
    for (let m = 0; m < 24; m++) for (let n = m + 1; n <= 24; n++) cases.push([m, n] as const);
    const judged = cases.map(([m, n]) => onChain(m, rootAt(m), n, rootAt(n), consistencyProof(LEAVES, m, n)));
    expect((await Promise.all(judged)).every((good) => good === true)).toBe(true);
    const forked = cases.filter(([m]) => m > 3);
    const refused = forked.map(([m, n]) => onChain(m, rootAt(m), n, rootAt(n, FORK), consistencyProof(FORK, m, n)));
    expect((await Promise.all(refused)).some((good) => good === true)).toBe(false);
  });

  it('agrees with our own check on proofs that were tampered with', async () => {
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const claim = fc
      .tuple(fc.integer({ min: 0, max: 199 }), fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 6 }))
      .chain(([m, n, way]) =>
        fc.record({ m: fc.constant(m), n: fc.constant(n), way: fc.constant(way), hash, at: fc.nat(8) }),
      );
    await fc.assert(
      fc.asyncProperty(claim, async ({ m, n, way, hash: odd, at }) => {
        const [size1, size2] = m < n ? [m, n] : [n, m === n ? m + 1 : m];
        const proof = consistencyProof(LEAVES.concat(LEAVES), size1, size2);
        if (way === 1) proof.splice(at, 1);
        if (way === 2) proof.splice(Math.min(at, proof.length), 0, odd);
        if (way === 3 && proof.length > 0) proof[at % proof.length] = odd;
        if (way === 4) proof.reverse();
        const root1 = way === 5 && size1 > 0 ? odd : rootAt(size1);
        const size = way === 6 ? size2 + 1 + at : size2;
        const root2 = rootOf(LEAVES.concat(LEAVES).slice(0, size2));
        const ours = verifyConsistency({ size1, root1, size2: size, root2, proof });
        expect(await onChain(size1, root1, size, root2, proof)).toBe(ours);
      }),
      { numRuns: 300 },
    );
  });
});
