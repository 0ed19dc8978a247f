/** `npm run anchor -- deploy`: puts the contract on a chain, with the key's account as its writer. */
import { parseArgs } from 'node:util';
import { encodeHex } from '../../protocol/bytes.ts';
import { isFault } from '../../protocol/fault.ts';
import { isChainId, isHttpUrl } from '../anchor-config.ts';
import { openChain } from '../anchor-evm.ts';
import { readSeed } from '../seed-file.ts';
import { deployLogAnchor } from './deploy.ts';

const HELP = `Usage: npm run anchor -- deploy --anchor-evm URL --anchor-chain-id N --anchor-key FILE

Puts the contract that keeps heads of the log on a chain, waits for the block, compares what is there
with what was compiled, and says the address to give to the ledger writer. The account of the key
becomes the contract's writer and pays the gas.

  --anchor-evm URL       JSON-RPC endpoint of the chain
  --anchor-chain-id N    its id; nothing is sent when the endpoint is of another chain
  --anchor-key FILE      secp256k1 key, 64 hex digits, readable by its owner only
  --wait MS              longest wait for a block (120000)
  --json                 one line of JSON: chainId, contract, writer, transaction, block, gas
  --help                 this text
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'anchor-evm': { type: 'string' },
      'anchor-chain-id': { type: 'string' },
      'anchor-key': { type: 'string' },
      wait: { type: 'string', default: '120000' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { 'anchor-evm': url = '', 'anchor-chain-id': id = '', 'anchor-key': keyPath = '', wait } = values;
  const problems: string[] = [];
  if (positionals.length > 1 || (positionals[0] ?? 'deploy') !== 'deploy') problems.push('the one command is deploy');
  if (!isHttpUrl(url)) problems.push('--anchor-evm is an http or https URL');
  if (!isChainId(id)) problems.push('--anchor-chain-id is a whole number above 0');
  if (keyPath === '') problems.push('--anchor-key names the key file');
  if (!/^[1-9][0-9]{2,6}$/.test(wait)) problems.push('--wait is 100 to 9999999 milliseconds');
  if (problems.length > 0) {
    for (const problem of problems) process.stderr.write(`anchor: ${problem}\n`);
    return 2;
  }
  const chain = openChain({ url, chainId: Number(id), key: readSeed(keyPath) });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => chain.close());
  const deployed = await deployLogAnchor(chain, Number(id), Number(wait));
  const { contract, transaction, block, gas } = deployed;
  const address = `0x${encodeHex(contract)}`;
  const json = { chainId: Number(id), contract: address, writer: chain.account, transaction, block, gas };
  if (values.json) process.stdout.write(`${JSON.stringify(json)}\n`);
  else process.stdout.write(`${address} on chain ${id}, block ${block}, ${gas} gas; writer ${chain.account}\n`);
  return 0;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const said = isFault(error) ? `${error.code}: ${error.message}` : error instanceof Error ? error.message : 'failed';
    process.stderr.write(`anchor: ${said}\n`);
    process.exitCode = isFault(error) ? 1 : 2;
  },
);
