/** Puts the contract on a chain. */
import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '../../protocol/fault.ts';
import { asAmount, asData, askGas, askNonce, askPrice, checkChainId, type EvmChain } from './evm-chain.ts';

export interface Deployed {
  /** Address, 20 octets. */
  readonly contract: Uint8Array;
  /** Hash of the transaction, 0x and hex. */
  readonly transaction: string;
  readonly block: number;
  readonly gas: number;
}

/**
 * Resolves when a block has the contract and its code is ours. Throws `wrong-key` on another chain, `unavailable` when
 * there is no block in time, `inconsistent` when something else is at the address.
 */
export async function deployLogAnchor(chain: EvmChain, chainId: number, waitMs: number): Promise<Deployed> {
  await checkChainId(chain, chainId);
  const data = chain.deployCall();
  const [nonce, price, gas] = await Promise.all([askNonce(chain), askPrice(chain), askGas(chain, { data })]);
  const { raw, hash } = await chain.sign({ data, gas, nonce, ...price });
  await chain.ask('eth_sendRawTransaction', raw);
  const end = performance.now() + waitMs;
  for (;;) {
    const receipt = (await chain.ask('eth_getTransactionReceipt', hash)) as Record<string, unknown> | null;
    if (receipt) {
      const contract = chain.contractOf(nonce);
      if ((await chain.ask('eth_getCode', contract, 'latest')) !== chain.deployedCode) {
        throw new Fault('inconsistent', 'what is at the address is not the contract');
      }
      const [block, used] = [asAmount(receipt.blockNumber), asAmount(receipt.gasUsed)].map(Number) as [number, number];
      return { contract: asData(contract), transaction: hash, block, gas: used };
    }
    if (performance.now() > end) throw new Fault('unavailable', `no block has transaction ${hash} yet`, 'later');
    await delay(500);
  }
}
