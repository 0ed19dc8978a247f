/**
 * `npm run scrub -- --data DIR`: service, ledger writer and agents each scrub what is theirs, with their own keys, as
 * processes of their own. That they share no code is the point.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const HELP = `Usage: npm run scrub -- --data DIR

Reads everything that is stored in DIR, from end to end, and tells what is not as it was written: a database has no checksum
of its own. Each row is compared with what it follows from: a seal, a signature, a hash, the log, another row. Service, ledger
writer and agents should not run: what they are just writing may be found.

Exit code: 0 when all is as it was written, 1 when not, 2 when it could not run.
`;

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const place = process.argv.indexOf('--data');
const data = place < 0 ? undefined : process.argv[place + 1];

async function run(program, ...args) {
  const child = spawn(process.execPath, [at(program), ...args], { stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  return code ?? 2;
}

if (process.argv.includes('--help')) {
  process.stdout.write(HELP);
} else if (!data) {
  process.stderr.write('scrub: --data names the data directory; --help tells more\n');
  process.exitCode = 2;
} else {
  const root = resolve(data);
  const codes = [];
  codes.push(await run('ledger-writer/scrub-main.ts', '--data', root));
  codes.push(await run('ingest-service/scrub-main.ts', '--data', root));
  const agents = existsSync(join(root, 'agents')) ? readdirSync(join(root, 'agents')) : [];
  for (const name of agents) {
    const keys = join(root, 'keys', 'agents', name);
    codes.push(await run('edge-agent/scrub-main.ts', '--data', join(root, 'agents', name), '--keys', keys));
  }
  process.exitCode = Math.max(...codes);
}
