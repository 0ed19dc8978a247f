/** `node ledger-writer/scrub-main.ts`: see scrub.ts. */
import { parseArgs } from 'node:util';
import { pathsBelow } from './config.ts';
import { scrubLog } from './scrub.ts';

const HELP = `Usage: node ledger-writer/scrub-main.ts --data DIR [--json]

Builds the tree again from the writer's own entries and compares every public file with it. The writer must not run. Prints a
line for each thing that is not as it was written; exit code 0 for none.
`;

const options = { data: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } } as const;

try {
  const { data, json, help } = parseArgs({ options }).values;
  if (help) {
    process.stdout.write(HELP);
  } else if (!data) {
    throw new Error('--data names the data directory; --help tells more');
  } else {
    const { logDirectory, keyDirectory } = pathsBelow(data);
    const found = scrubLog(logDirectory, keyDirectory);
    if (json) process.stdout.write(`${JSON.stringify({ found })}\n`);
    else for (const { file, says } of found) process.stdout.write(`${file}: ${says}\n`);
    if (!json) process.stdout.write(`log: ${found.length} wrong\n`);
    process.exitCode = found.length === 0 ? 0 : 1;
  }
} catch (error) {
  process.stderr.write(`scrub: ${error instanceof Error ? error.message : 'failed'}\n`);
  process.exitCode = 2;
}
