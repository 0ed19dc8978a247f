/**
 * Makes test/vectors/anchor-evm.json on a real chain (anvil): evidence for every size of the log in which
 * `buildReceipt` puts its batch. Each run makes another chain, so it is run only when the contract or the format changes.
 */
import { writeFileSync } from 'node:fs';
import { headerOf, type RpcBlock } from '../../ledger-writer/evm/block-header.ts';
import { type EvmEvidence, evidenceToJson, hashHeader, rootSlot } from '../../protocol/anchor-evidence.ts';
import { decodeHex } from '../../protocol/bytes.ts';
import { commitmentOf } from '../../protocol/commitment.ts';
import { consistencyProof, rootOf } from '../../protocol/merkle.ts';
import { ANVIL_KEYS, hexOf, startAnvil } from '../support/anvil.ts';
import { anchorArgs, callerOf } from '../support/log-anchor.ts';
import { buildBatch, logHashes, OTHER_LEAVES, PARTIES, readingLeaves } from '../support/receipt-builder.ts';

const octets = (hex: string) => decodeHex(hex.slice(2));
const heart = readingLeaves({ characteristic: 0x2a37, hex: '06aa' });
const batch = buildBatch([...heart, ...OTHER_LEAVES], PARTIES.agent);
const hashes = logHashes(commitmentOf('batch', batch.signed.id));
const anvil = await startAnvil();
try {
  const writer = callerOf(anvil, ANVIL_KEYS[0]);
  const contract = await writer.deploy();
  const evidence: object[] = [];
  const blocks: string[] = [];
  for (let size = 1; size <= hashes.length; size++) {
    const root = rootOf(hashes.slice(0, size));
    const { transactionHash } = await writer.call(
      contract,
      'anchor',
      ...anchorArgs(size, root, consistencyProof(hashes, size - 1, size)),
    );
    const block = (await anvil.rpc('eth_getBlockByNumber', 'latest', false)) as RpcBlock;
    const proof = (await anvil.rpc('eth_getProof', contract, [hexOf(rootSlot(size))], block.number)) as {
      accountProof: string[];
      storageProof: { proof: string[] }[];
    };
    const one: EvmEvidence = {
      chainId: 31337,
      contract: octets(contract),
      size,
      root,
      header: headerOf(block),
      accountProof: proof.accountProof.map(octets),
      storageProof: proof.storageProof[0]!.proof.map(octets),
      transaction: octets(transactionHash),
    };
    evidence.push(evidenceToJson(one));
    blocks.push(hexOf(hashHeader(one.header)));
  }
  const json = { source: 'anvil 1.7.1', blocks, evidence };
  writeFileSync(new URL('anchor-evm.json', import.meta.url), `${JSON.stringify(json, null, 2)}\n`);
} finally {
  await anvil.stop();
}
