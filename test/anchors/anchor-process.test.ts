/** What an operator does: deploys the contract with the command, starts the ledger writer with it, stops it again. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openJournalSqlite } from '../../journal/journal-sqlite.ts';
import { pathsBelow } from '../../ledger-writer/config.ts';
import { decodeEvidence, verifyEvmEvidence } from '../../protocol/anchor-evidence.ts';
import { encodeHex } from '../../protocol/bytes.ts';
import { entryAt } from '../support/anchored-log.ts';
import { ANVIL_KEYS, type Anvil, startAnvil, withoutAnvil } from '../support/anvil.ts';
import { until } from '../support/until.ts';

const at = (path: string) => fileURLToPath(new URL(`../../ledger-writer/${path}`, import.meta.url));

function ask(program: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [at(program), ...args], (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

describe.skipIf(withoutAnvil())('the programs', () => {
  let anvil: Anvil;
  let folder: string;
  let key: string;
  beforeAll(async () => {
    anvil = await startAnvil([]); // mines every transaction at once
    folder = mkdtempSync(join(tmpdir(), 'veravita-anchor-process-'));
    key = join(folder, 'anchor.key');
    writeFileSync(key, `${ANVIL_KEYS[0]}\n`, { mode: 0o600 });
  });
  afterAll(async () => {
    await anvil.stop();
    rmSync(folder, { recursive: true });
  });
  const endpoint = (id = '31337') => ['--anchor-evm', anvil.url, '--anchor-chain-id', id, '--anchor-key', key];

  it('say all that is wrong, and send nothing then', async () => {
    const wrong = await ask('evm/deploy-main.ts', 'destroy', '--anchor-evm', 'x', '--wait', '0');
    expect([wrong.code, wrong.stderr.trim().split('\n').length]).toEqual([2, 5]);
    expect(await ask('evm/deploy-main.ts', '--help')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('--wait'),
    });
    const other = await ask('evm/deploy-main.ts', 'deploy', ...endpoint('1'));
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('another chain')]);
    chmodSync(key, 0o644);
    const open = await ask('evm/deploy-main.ts', 'deploy', ...endpoint());
    expect([open.code, open.stderr]).toEqual([1, expect.stringContaining('owner only')]);
    chmodSync(key, 0o600);
    expect(await anvil.rpc('eth_blockNumber')).toBe('0x0');
  });

  it('deploy, anchor what is committed, and stop cleanly', async () => {
    const deployed = await ask('evm/deploy-main.ts', 'deploy', ...endpoint(), '--json');
    expect(deployed).toMatchObject({ code: 0, stderr: '' });
    const { contract, gas } = JSON.parse(deployed.stdout);
    console.log(`gas: deployment ${gas}`);
    const data = join(folder, 'data');
    const commitments = openJournalSqlite({ path: pathsBelow(data).commitmentsPath });
    await commitments.append([{ key: 'k', id: encodeHex(entryAt(1)), body: entryAt(1) }]);
    const chain = [...endpoint(), '--anchor-contract', contract, '--anchor-finality', '0', '--anchor-interval', '1000'];
    const child: ChildProcess = spawn(process.execPath, [at('main.ts'), '--data', data, '--interval', '20', ...chain], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text: Buffer) => (output += text));
    await until('an anchor', () => output.includes('anchor evm-31337: 1 entries are final, sent 1\n')).catch(
      (error: Error) => {
        throw new Error(`${error.message}: ${output}`);
      },
    );
    const file = join(data, 'log', 'anchors', 'evm-31337', '1.json');
    expect(existsSync(file)).toBe(true);
    verifyEvmEvidence(decodeEvidence(readFileSync(file, 'utf8')));
    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    expect([code, output]).toEqual([0, expect.not.stringContaining(anvil.url)]);
    await commitments.close();
  });
});
