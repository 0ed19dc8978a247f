/** What says where heads of the log are anchored: options of the ledger writer and of the command that deploys. */
import { decodeHex, equalBytes } from '../protocol/bytes.ts';
import type { Finality } from './evm/evm-anchor.ts';

/** One contract on one chain. */
export interface EvmSettings {
  readonly url: string;
  readonly checkUrl?: string;
  readonly chainId: number;
  /** 20 octets. */
  readonly contract: Uint8Array;
  readonly keyPath: string;
}

export interface AnchorSettings {
  readonly evm: readonly EvmSettings[];
  readonly intervalMs: number;
  readonly finality: Finality;
  /** Wei for a unit of gas. */
  readonly maxFee: bigint;
}

/** For `parseArgs`. */
export const ANCHOR_OPTIONS = {
  'anchor-evm': { type: 'string', multiple: true },
  'anchor-chain-id': { type: 'string', multiple: true },
  'anchor-contract': { type: 'string', multiple: true },
  'anchor-key': { type: 'string', multiple: true },
  'anchor-check': { type: 'string', multiple: true },
  'anchor-interval': { type: 'string' },
  'anchor-finality': { type: 'string' },
  'anchor-max-fee': { type: 'string' },
} as const;

export interface AnchorValues {
  readonly 'anchor-evm'?: string[];
  readonly 'anchor-chain-id'?: string[];
  readonly 'anchor-contract'?: string[];
  readonly 'anchor-key'?: string[];
  readonly 'anchor-check'?: string[];
  readonly 'anchor-interval'?: string;
  readonly 'anchor-finality'?: string;
  readonly 'anchor-max-fee'?: string;
}

export const ANCHOR_HELP = `
Anchors: the newest checkpoint goes to a contract on a chain at a fixed interval. For several
chains repeat the first four; the n-th of each belong together. Nothing waits for an anchor.

  --anchor-evm URL          JSON-RPC endpoint of a chain (VERAVITA_ANCHOR_EVM)
  --anchor-chain-id N       its id (VERAVITA_ANCHOR_CHAIN_ID)
  --anchor-contract 0x...   the contract there (VERAVITA_ANCHOR_CONTRACT)
  --anchor-key FILE         key of the contract's writer, 64 hex digits, 0600 (VERAVITA_ANCHOR_KEY)
  --anchor-check URL        a second endpoint of the chain that must know the same final blocks
                            (VERAVITA_ANCHOR_CHECK); for all chains or for none
  --anchor-interval MS      from one anchor to the next (VERAVITA_ANCHOR_INTERVAL_MS; 600000)
  --anchor-finality N       blocks on top that make a block final, or "finalized": the chain's own
                            word (VERAVITA_ANCHOR_FINALITY; finalized)
  --anchor-max-fee GWEI     most to pay for a unit of gas (VERAVITA_ANCHOR_MAX_FEE; 500)
`;

/** The settings; what is wrong is added to `problems`. */
export function readAnchorSettings(values: AnchorValues, env: NodeJS.ProcessEnv, problems: string[]): AnchorSettings {
  const list = (given: string[] | undefined, variable: string | undefined) => given ?? (variable ? [variable] : []);
  const urls = list(values['anchor-evm'], env.VERAVITA_ANCHOR_EVM);
  const ids = list(values['anchor-chain-id'], env.VERAVITA_ANCHOR_CHAIN_ID);
  const contracts = list(values['anchor-contract'], env.VERAVITA_ANCHOR_CONTRACT);
  const keys = list(values['anchor-key'], env.VERAVITA_ANCHOR_KEY);
  const checks = list(values['anchor-check'], env.VERAVITA_ANCHOR_CHECK);
  const interval = values['anchor-interval'] ?? env.VERAVITA_ANCHOR_INTERVAL_MS ?? '600000';
  const finality = values['anchor-finality'] ?? env.VERAVITA_ANCHOR_FINALITY ?? 'finalized';
  const maxFee = values['anchor-max-fee'] ?? env.VERAVITA_ANCHOR_MAX_FEE ?? '500';

  const together: [string, string[]][] = [
    ['--anchor-chain-id', ids],
    ['--anchor-contract', contracts],
    ['--anchor-key', keys],
  ];
  for (const [name, given] of together) {
    if (given.length !== urls.length) problems.push(`${name} is there once for each --anchor-evm`);
  }
  if (checks.length > 0 && checks.length !== urls.length)
    problems.push('--anchor-check is there for all chains or none');
  if (![...urls, ...checks].every(isHttpUrl)) problems.push('--anchor-evm and --anchor-check are http or https URLs');
  if (!ids.every(isChainId)) problems.push('--anchor-chain-id is a whole number above 0');
  if (new Set(ids).size !== ids.length) problems.push('--anchor-chain-id names each chain once');
  if (!contracts.every(isAddress)) problems.push('--anchor-contract is 0x and 40 hex digits, not all zero');
  if (!/^[1-9][0-9]{3,8}$/.test(interval)) problems.push('--anchor-interval is 1000 to 999999999 milliseconds');
  if (!/^(?:finalized|0|[1-9][0-9]{0,2})$/.test(finality)) problems.push('--anchor-finality is 0 to 999, or finalized');
  if (!/^[1-9][0-9]{0,6}$/.test(maxFee)) problems.push('--anchor-max-fee is 1 to 9999999 gwei');
  if (problems.length > 0) return { evm: [], intervalMs: 0, finality: 0, maxFee: 0n };
  return {
    evm: urls.map((url, i) => ({
      url,
      chainId: Number(ids[i]),
      contract: decodeHex(contracts[i]!.slice(2)),
      keyPath: keys[i]!,
      ...(checks[i] !== undefined && { checkUrl: checks[i] }),
    })),
    intervalMs: Number(interval),
    finality: finality === 'finalized' ? finality : Number(finality),
    maxFee: BigInt(maxFee) * 1_000_000_000n,
  };
}

export function isHttpUrl(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text);
}

export function isChainId(text: string): boolean {
  return /^[1-9][0-9]{0,14}$/.test(text);
}

function isAddress(text: string): boolean {
  return /^0x[0-9a-fA-F]{40}$/.test(text) && !equalBytes(decodeHex(text.slice(2)), new Uint8Array(20));
}
