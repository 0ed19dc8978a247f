/** A chain of our own for tests: anvil as a child process on a loopback port, and its JSON-RPC. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { encodeHex } from '../../protocol/bytes.ts';

const PLATFORM = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;

/** Path of the program, or why there is none. */
export function findAnvil(): { readonly path: string } | { readonly reason: string } {
  try {
    return { path: createRequire(import.meta.url).resolve(`@foundry-rs/anvil-${PLATFORM}/bin/anvil`) };
  } catch {
    return { reason: `no anvil for ${PLATFORM} is installed` };
  }
}

/** Says on the console why tests are skipped; true when they are. */
export function withoutAnvil(): boolean {
  const found = findAnvil();
  if ('reason' in found) console.log(`skipped: ${found.reason}`);
  return 'reason' in found;
}

export type Rpc = (method: string, ...params: unknown[]) => Promise<unknown>;

export interface Anvil {
  readonly url: string;
  readonly rpc: Rpc;
  /** Mines blocks now. */
  mine(blocks?: number): Promise<void>;
  stop(): Promise<void>;
}

/** Anvil's own accounts, from its published test mnemonic; rich on every anvil and worth nothing. */
export const ANVIL_KEYS = [
  'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  '59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d',
] as const;

export function rpcOf(url: string): Rpc {
  return async (method, ...params) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const { result, error } = (await answer.json()) as { result?: unknown; error?: { message: string } };
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  };
}

/** Starts a chain that mines only when told to, unless `--block-time` or the like is among the arguments. */
export async function startAnvil(args: readonly string[] = ['--no-mining']): Promise<Anvil> {
  const found = findAnvil();
  if ('reason' in found) throw new Error(found.reason);
  const options = ['--host', '127.0.0.1', '--port', '0', '--order', 'fees', '--gas-limit', '30000000'];
  const child = spawn(found.path, [...options, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  const url = await listening(child);
  const rpc = rpcOf(url);
  return {
    url,
    rpc,
    mine: async (blocks = 1) => void (await rpc('anvil_mine', `0x${blocks.toString(16)}`)),
    stop: async () => {
      const gone = Promise.withResolvers<void>();
      child.once('exit', () => gone.resolve());
      if (child.exitCode !== null || !child.kill('SIGTERM')) return;
      await gone.promise;
    },
  };
}

function listening(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let said = '';
  child.stdout!.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    const [, address] = /Listening on (127\.0\.0\.1:\d+)/.exec(said) ?? [];
    if (address !== undefined) resolve(`http://${address}`);
  });
  child.once('error', reject);
  child.once('exit', (code) => reject(new Error(`anvil ended with ${code}`)));
  return promise;
}

/** 0x and hex. */
export function hexOf(bytes: Uint8Array): `0x${string}` {
  return `0x${encodeHex(bytes)}`;
}
