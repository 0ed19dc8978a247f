/** The contract on a chain, driven directly: what a test does beside the ledger writer, or against it. */
import { type Abi, createPublicClient, createWalletClient, type Hex, http, type TransactionReceipt } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import artifact from '../../ledger-writer/evm/log-anchor.json' with { type: 'json' };
import type { Anvil } from './anvil.ts';
import { hexOf } from './anvil.ts';

export const ABI = artifact.abi as Abi;

export interface Caller {
  readonly address: Hex;
  /** Sends, mines one block, and answers the receipt; throws what the contract reverts with, by its name. */
  call(contract: Hex, name: string, ...args: unknown[]): Promise<TransactionReceipt>;
  read(contract: Hex, name: string, ...args: unknown[]): Promise<unknown>;
  /** Deploys with this account as the writer. */
  deploy(): Promise<Hex>;
}

export function callerOf(anvil: Anvil, key: string): Caller {
  const account = privateKeyToAccount(`0x${key}`);
  const transport = http(anvil.url, { retryCount: 0 });
  const reader = createPublicClient({ transport, pollingInterval: 5 });
  const wallet = createWalletClient({ transport, account });
  const mined = async (hash: Hex) => {
    await anvil.mine();
    return reader.getTransactionReceipt({ hash });
  };
  return {
    address: account.address,
    async call(address, functionName, ...args) {
      const { request } = await reader.simulateContract({ address, abi: ABI, functionName, args, account });
      return mined(await wallet.writeContract({ ...request, chain: null } as never));
    },
    read: (address, functionName, ...args) => reader.readContract({ address, abi: ABI, functionName, args }),
    async deploy() {
      const args = [account.address];
      const hash = await wallet.deployContract({ abi: ABI, bytecode: artifact.bytecode as Hex, args, chain: null });
      return (await mined(hash)).contractAddress!;
    },
  };
}

/** Arguments of `anchor`. */
export function anchorArgs(size: number, root: Uint8Array, proof: readonly Uint8Array[]): unknown[] {
  return [BigInt(size), hexOf(root), proof.map(hexOf)];
}
