/**
 * Anchors heads of the log in a contract (`evm/log-anchor.sol`) on any EVM chain, through its JSON-RPC. What is done when
 * is in `evm/evm-anchor.ts`; this file is what touches the chain client: encoding, signing, asking.
 */
import {
  type Abi,
  BaseError,
  createClient,
  encodeDeployData,
  encodeFunctionData,
  getContractAddress,
  type Hex,
  http,
  keccak256,
  parseTransaction,
} from 'viem';
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import { encodeHex } from '../protocol/bytes.ts';
import { Fault } from '../protocol/fault.ts';
import type { Anchor } from './anchor.ts';
import { openAnchorEvmState } from './anchor-evm-state.ts';
import { EvmAnchor, type EvmAnchorConfig } from './evm/evm-anchor.ts';
import type { EvmChain, EvmTransaction } from './evm/evm-chain.ts';
import artifact from './evm/log-anchor.json' with { type: 'json' };

const ABI = artifact.abi as Abi;

/** Opens the state and takes up what is under way; the endpoint may be down. Throws what the state's opening throws. */
export function openAnchorEvm(config: EvmAnchorConfig & { readonly statePath: string }): Anchor {
  return new EvmAnchor(config, openChain(config), openAnchorEvmState(config.statePath));
}

/** Where a chain is, and who acts there. */
export interface EvmAccount {
  readonly url: string;
  readonly checkUrl?: string;
  readonly chainId: number;
  /** secp256k1 key, 32 octets. */
  readonly key: Uint8Array;
  /** Longest wait for one answer; 10,000 ms by default. */
  readonly timeoutMs?: number;
}

/** Address of the account of a key: who must be the contract's writer, and have what gas costs. */
export function addressOf(key: Uint8Array): string {
  return privateKeyToAccount(hex(key)).address;
}

export function openChain({ url, checkUrl, chainId, key, timeoutMs = 10_000 }: EvmAccount): EvmChain {
  const account = privateKeyToAccount(hex(key));
  const closing = new AbortController();
  return {
    account: account.address,
    ask: askAt(url, timeoutMs, closing.signal),
    ...(checkUrl !== undefined && { askSecond: askAt(checkUrl, timeoutMs, closing.signal) }),
    deployedCode: artifact.deployedBytecode,
    anchorCall: (size, root, proof) =>
      encodeFunctionData({ abi: ABI, functionName: 'anchor', args: [BigInt(size), hex(root), proof.map(hex)] }),
    sizeCall: () => encodeFunctionData({ abi: ABI, functionName: 'size' }),
    rootAtCall: (size) => encodeFunctionData({ abi: ABI, functionName: 'rootAt', args: [BigInt(size)] }),
    deployCall: () => encodeDeployData({ abi: ABI, bytecode: artifact.bytecode as Hex, args: [account.address] }),
    contractOf: (nonce) => getContractAddress({ from: account.address, nonce: BigInt(nonce) }),
    sign: (transaction) => sign(account, chainId, transaction),
    parse(raw) {
      const { to, data = '0x', gas = 0n } = parseTransaction(raw as Hex);
      return { ...(to && { to }), data, gas };
    },
    close: () => closing.abort(),
  };
}

async function sign(account: PrivateKeyAccount, chainId: number, transaction: EvmTransaction) {
  const { to, data, gas, nonce, fee, tip, legacy } = transaction;
  const common = { chainId, to: to as Hex | undefined, data: data as Hex, gas, nonce } as const;
  const raw = legacy
    ? await account.signTransaction({ ...common, type: 'legacy', gasPrice: fee })
    : await account.signTransaction({ ...common, type: 'eip1559', maxFeePerGas: fee, maxPriorityFeePerGas: tip });
  return { raw, hash: keccak256(raw) };
}

/** One question, one answer, no retries: the caller comes back anyway. */
function askAt(url: string, timeout: number, closing: AbortSignal): EvmChain['ask'] {
  const fetchFn: typeof fetch = (input, init) => {
    const signal = init?.signal ? AbortSignal.any([init.signal, closing]) : closing;
    return fetch(input, { ...init, signal });
  };
  const client = createClient({ transport: http(url, { timeout, retryCount: 0, fetchFn }) });
  return async (method, ...params) => {
    try {
      return await client.request({ method, params } as never);
    } catch (error) {
      // A node that answers with an error has a code; the text may quote the URL with its access key, so it stays here.
      const answered = error instanceof BaseError && typeof (error as { code?: unknown }).code === 'number';
      const said = answered ? `the endpoint refuses ${method}` : 'the endpoint cannot be reached';
      throw Object.assign(new Fault('unavailable', said, 'later'), { cause: error });
    }
  };
}

function hex(bytes: Uint8Array): Hex {
  return `0x${encodeHex(bytes)}`;
}
