/**
 * Compiles `log-anchor.sol` to the committed `log-anchor.json`: run it after a change of the contract. Whoever doubts the
 * bytecode compiles it again; the settings leave nothing of the machine in it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

export interface Artifact {
  /** Version of the compiler. */
  readonly compiler: string;
  readonly abi: readonly object[];
  /** What deploys the contract, before its constructor's arguments; hex. */
  readonly bytecode: string;
  /** What is at the contract's address then; hex. */
  readonly deployedBytecode: string;
}

const SOURCE = 'log-anchor.sol';
const CONTRACT = 'LogAnchor';

/** Throws what the compiler complains of. */
export function compileLogAnchor(): Artifact {
  const solc = createRequire(import.meta.url)('solc') as { compile(input: string): string; version(): string };
  const input = {
    language: 'Solidity',
    sources: { [SOURCE]: { content: readFileSync(new URL(SOURCE, import.meta.url), 'utf8') } },
    settings: {
      optimizer: { enabled: true, runs: 10_000 },
      evmVersion: 'paris', // without PUSH0, which chains of a consortium may not have
      metadata: { appendCBOR: false, bytecodeHash: 'none' },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  if (output.errors)
    throw new Error(output.errors.map((one: { formattedMessage: string }) => one.formattedMessage).join());
  const { abi, evm } = output.contracts[SOURCE][CONTRACT];
  return {
    compiler: solc.version(),
    abi,
    bytecode: `0x${evm.bytecode.object}`,
    deployedBytecode: `0x${evm.deployedBytecode.object}`,
  };
}

if (import.meta.main) {
  const path = new URL('log-anchor.json', import.meta.url);
  writeFileSync(path, `${JSON.stringify(compileLogAnchor(), null, 2)}\n`);
}
