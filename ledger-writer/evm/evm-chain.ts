/** What an anchor needs of a chain and its client; hex is with `0x`, amounts are wei. */
import { decodeHex } from '../../protocol/bytes.ts';
import { Fault } from '../../protocol/fault.ts';
import type { RpcBlock } from './block-header.ts';

export interface EvmTransaction {
  /** Absent for one that deploys. */
  readonly to?: string;
  readonly data: string;
  readonly gas: bigint;
  readonly nonce: number;
  /** For each unit of gas: the most to pay in all, and of that to the block's maker. */
  readonly fee: bigint;
  readonly tip: bigint;
  /** A chain without a base fee. */
  readonly legacy: boolean;
}

export interface EvmChain {
  readonly account: string;
  /** One JSON-RPC request. Throws `unavailable` for no answer and for one that is an error, whose cause is attached. */
  ask(method: string, ...params: unknown[]): Promise<unknown>;
  /** The same of a second endpoint, where there is one. */
  askSecond?(method: string, ...params: unknown[]): Promise<unknown>;
  /** What must be at the contract's address. */
  readonly deployedCode: string;
  anchorCall(size: number, root: Uint8Array, proof: readonly Uint8Array[]): string;
  sizeCall(): string;
  rootAtCall(size: number): string;
  deployCall(): string;
  /** Address of the contract that the account deploys with this nonce. */
  contractOf(nonce: number): string;
  sign(transaction: EvmTransaction): Promise<{ readonly raw: string; readonly hash: string }>;
  parse(raw: string): Pick<EvmTransaction, 'to' | 'data' | 'gas'>;
  /** Gives up every request that waits. */
  close(): void;
}

/** Throws `wrong-key` when the endpoint is of another chain. */
export async function checkChainId({ ask }: EvmChain, chainId: number): Promise<void> {
  if (Number(await ask('eth_chainId')) !== chainId) {
    throw new Fault('wrong-key', 'the endpoint is of another chain than was configured', 'later');
  }
}

/** What gas costs now. */
export async function askPrice({ ask }: EvmChain): Promise<Pick<EvmTransaction, 'fee' | 'tip' | 'legacy'>> {
  const block = (await ask('eth_getBlockByNumber', 'latest', false)) as RpcBlock | null;
  if (block?.baseFeePerGas === undefined) {
    const price = asAmount(await ask('eth_gasPrice'));
    return { fee: price, tip: price, legacy: true };
  }
  const tip = asAmount(await ask('eth_maxPriorityFeePerGas').catch(() => '0x3b9aca00')); // not every node knows it: 1 gwei
  return { fee: 2n * asAmount(block.baseFeePerGas) + tip, tip, legacy: false };
}

/** The nonce after the last that is in a block. */
export async function askNonce({ ask, account }: EvmChain): Promise<number> {
  return Number(asAmount(await ask('eth_getTransactionCount', account, 'latest')));
}

/** Gas of a call, with a quarter to spare. */
export async function askGas({ ask, account }: EvmChain, call: { to?: string; data: string }): Promise<bigint> {
  return (asAmount(await ask('eth_estimateGas', { from: account, ...call })) * 5n) / 4n;
}

/** A JSON-RPC quantity. Throws `inconsistent`. */
export function asAmount(value: unknown): bigint {
  if (typeof value !== 'string' || !/^0x[0-9a-f]{1,64}$/i.test(value)) {
    throw new Fault('inconsistent', 'the endpoint answers with what is no number');
  }
  return BigInt(value);
}

/** JSON-RPC octets. Throws `inconsistent`. */
export function asData(value: unknown): Uint8Array {
  if (typeof value !== 'string' || !/^0x(?:[0-9a-f]{2})*$/i.test(value)) {
    throw new Fault('inconsistent', 'the endpoint answers with what is not hex');
  }
  return decodeHex(value.slice(2));
}
