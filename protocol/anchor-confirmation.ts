/** How many of the chains that a reader trusts confirm a receipt: *k of n anchors* (docs/format.md §8.2). Pure. */
import { type EvmBlock, verifyEvmEvidence } from './anchor-evidence.ts';
import { readHeader } from './batch.ts';
import { encodeHex, equalBytes } from './bytes.ts';
import { commitmentOf } from './commitment.ts';
import { Fault } from './fault.ts';
import { hashLeaf, verifyInclusion } from './merkle.ts';
import type { Receipt, ReceiptAnchor } from './receipt.ts';
import { formatInstant } from './time.ts';
import { parseTlogProof } from './tlog-proof.ts';
import type { TrustedChain } from './trust.ts';

/** An anchor whose evidence holds in itself. */
export interface ConfirmedAnchor {
  readonly chainId: number;
  readonly contract: Uint8Array;
  readonly block: EvmBlock;
  /** What the reader lacks: `block` of a trusted contract whose block they do not know, `chain` when neither. */
  readonly missing: 'nothing' | 'block' | 'chain';
}

export interface Confirmation {
  readonly anchors: readonly ConfirmedAnchor[];
  /** Trusted contracts that confirm the batch in a block that the reader knows. */
  readonly confirmed: number;
  /** Contracts that the reader trusts; absent without a trust file that names any. */
  readonly of?: number;
}

/** Throws a Fault when an anchor's evidence is broken or is not about this batch. */
export function confirmAnchors(receipt: Receipt, chains: readonly TrustedChain[] | undefined): Confirmation {
  const anchors = (receipt.anchors ?? []).map((anchor) => confirm(receipt, anchor, chains ?? []));
  const confirmed = (chains ?? []).filter((chain) =>
    anchors.some((anchor) => anchor.missing === 'nothing' && isOn(anchor, chain)),
  ).length;
  return { anchors, confirmed, ...(chains && { of: chains.length }) };
}

function confirm(
  receipt: Receipt,
  { evidence, path }: ReceiptAnchor,
  chains: readonly TrustedChain[],
): ConfirmedAnchor {
  const { chainId, contract, size: treeSize, root } = evidence;
  const { index } = parseTlogProof(receipt.logProof);
  const leafHash = hashLeaf(commitmentOf('batch', readHeader(receipt.header).id));
  if (!verifyInclusion({ leafHash, index, treeSize, proof: path, root })) {
    throw new Fault('inconsistent', 'the batch is not under the root that was anchored');
  }
  const block = verifyEvmEvidence(evidence);
  const chain = chains.find((one) => isOn(evidence, one));
  const known = chain?.blocks.some((hash) => equalBytes(hash, block.hash));
  return { chainId, contract, block, missing: known ? 'nothing' : chain ? 'block' : 'chain' };
}

function isOn(place: { readonly chainId: number; readonly contract: Uint8Array }, chain: TrustedChain): boolean {
  return place.chainId === chain.chainId && equalBytes(place.contract, chain.contract);
}

/** One line for people: the count, and how much is left to look up. */
export function sayAnchors({ anchors, confirmed, of }: Confirmation): string {
  const count = of === undefined ? '' : `${confirmed} of ${of} anchors confirm it. `;
  if (anchors.length === 0) return `${count}The receipt holds no anchor, and rests on the signature of the log.`;
  const open = anchors.filter(({ missing }) => missing !== 'nothing').length;
  if (open === 0) return `${count}The batch is under a root that stood in a block you know.`;
  const held = open === 1 ? 'One more is sound' : `${open} more are sound`;
  return `${count}${held}, for whoever finds its block in the chain.`;
}

/** What one anchor says, in a line, with what is left to look up. */
export function sayAnchor({ chainId, contract, block, missing }: ConfirmedAnchor): string {
  const place = `in block ${block.number} of chain ${chainId} at ${formatInstant(block.at)}`;
  const known = {
    nothing: 'a block you know',
    block: 'look the block up',
    chain: 'neither chain nor contract is yours',
  };
  return `${place}, contract 0x${encodeHex(contract)}, block 0x${encodeHex(block.hash)}: ${known[missing]}`;
}
