/** `node ingest-service/scrub-main.ts`: is everything that the service stores still what it wrote? */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { isFault } from '../protocol/fault.ts';
import { parseVerifierKey } from '../protocol/signed-note.ts';
import { servicePaths } from './config.ts';
import { scrubService } from './scrub/scrub-service.ts';

const HELP = `Usage: node ingest-service/scrub-main.ts --data DIR [--json]

Reads record, journals and log to their end and compares every row with what it follows from: seals, signatures, hashes, the
log, other rows. Prints a line for each thing that is not as it was written. Exit code 0 when there is none.
`;

async function main(): Promise<number> {
  const options = { data: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } } as const;
  const { data, json, help } = parseArgs({ options }).values;
  if (help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (!data) throw new Error('--data names the data directory; --help tells more');
  const paths = servicePaths(resolve(data));
  if (!existsSync(paths.record)) throw new Error(`there is no record in ${data}`);
  const logKey = parseVerifierKey(readFileSync(paths.logKey, 'utf8').trim());
  const { found, looked } = await scrubService(resolve(data), logKey);
  if (json) process.stdout.write(`${JSON.stringify({ looked, found })}\n`);
  else for (const { file, says } of found) process.stdout.write(`${file}: ${says}\n`);
  if (!json) process.stdout.write(`service: ${looked} looked at, ${found.length} wrong\n`);
  return found.length === 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`scrub: ${isFault(error) || error instanceof Error ? error.message : 'failed'}\n`);
    process.exit(2);
  },
);
