/**
 * Whether a block that was final is one of the chain no more. Nobody says that once and is believed: two endpoints that
 * agree on the block in its place, or a single one that keeps to its word for long enough.
 */
import { decodeEvidence, type EvmBlock, verifyEvmEvidence } from '../../protocol/anchor-evidence.ts';
import { encodeHex } from '../../protocol/bytes.ts';
import { Fault } from '../../protocol/fault.ts';
import type { Anchored } from '../anchor.ts';
import type { AnchorEvmState } from '../anchor-evm-state.ts';
import { headerOf, type RpcBlock } from './block-header.ts';
import { asAmount, type EvmChain } from './evm-chain.ts';

/** Least answers of a single endpoint, each naming the same block in place of the one that was final. */
const LEAST_ANSWERS = 3;

export interface ReorganizationDeps {
  readonly chain: EvmChain;
  readonly state: AnchorEvmState;
  readonly clock: () => number;
  /** How long a single endpoint must keep to its word, ms. */
  readonly doubtMs: number;
}

/**
 * Asks after the block that the evidence ends in, and marks the evidence as doubtful once it is proven to be gone; nothing
 * is ever removed. `held`: size that the contract is said to hold now. Throws while it stands to reason neither way:
 * `inconsistent` where an endpoint contradicts itself, the other one or its earlier word, or has not kept to its word long
 * enough; `unavailable` where one does not know the block yet.
 */
export async function examineAnchored(deps: ReorganizationDeps, anchored: Anchored, held: number): Promise<void> {
  const { chain, state, clock, doubtMs } = deps;
  if (anchored.isDoubtful) return;
  const { size } = anchored;
  const block = verifyEvmEvidence(decodeEvidence(anchored.evidence));
  const isDenied = held < size;
  const first = await blockAt(chain.ask, block);
  if (first === `0x${encodeHex(block.hash)}`) {
    state.trust(size);
    if (isDenied) throw new Fault('inconsistent', 'the endpoint denies what a block of its own chain shows', 'later');
    return;
  }
  if (first === undefined) {
    if (isDenied) throw new Fault('unavailable', 'the endpoint does not know the final block', 'later');
    return; // nodes may forget old blocks, and nothing speaks against it
  }
  if (chain.askSecond) {
    const second = await blockAt(chain.askSecond, block);
    if (second === undefined)
      throw new Fault('unavailable', 'the second endpoint does not know the block yet', 'later');
    if (second !== first) {
      throw new Fault('inconsistent', 'the endpoints do not agree that a final block is gone', 'later');
    }
  } else {
    const { since, answers } = state.doubt(size, first, clock());
    if (answers < LEAST_ANSWERS || clock() - since < doubtMs) {
      throw new Fault('inconsistent', 'a final block is said to be gone: not believed yet', 'later');
    }
  }
  state.markDoubtful(size, first, clock());
}

/** Hash of the endpoint's block of this number, whose header has that hash; `undefined` for none. */
async function blockAt(ask: EvmChain['ask'], { number }: EvmBlock): Promise<string | undefined> {
  const block = (await ask('eth_getBlockByNumber', `0x${number.toString(16)}`, false)) as RpcBlock | null;
  if (!block) return undefined;
  headerOf(block);
  if (asAmount(block.number) !== BigInt(number)) {
    throw new Fault('inconsistent', 'the endpoint answers with another block than was asked for', 'later');
  }
  return block.hash;
}
