/** `node edge-agent/scrub-main.ts`: see scrub.ts. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isFault } from '../protocol/fault.ts';
import { scrubAgent } from './scrub.ts';
import { loadHostKey } from './secret-files.ts';

const HELP = `Usage: node edge-agent/scrub-main.ts --data DIR [--keys DIR] [--host-key FILE] [--json]

Opens every row that the agent keeps in DIR and checks every batch against its signature. The agent must not run. Keys are in
DIR/keys unless --keys says otherwise. Prints a line for each thing that is not as it was written; exit code 0 for none.
`;

const options = {
  data: { type: 'string' },
  keys: { type: 'string' },
  'host-key': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

try {
  const { data, keys, 'host-key': hostKey, json, help } = parseArgs({ options }).values;
  if (help) {
    process.stdout.write(HELP);
  } else if (!data) {
    throw new Error('--data names the state folder; --help tells more');
  } else {
    const found = scrubAgent(
      data,
      keys ?? join(data, 'keys'),
      hostKey === undefined ? undefined : loadHostKey(hostKey),
    );
    if (json)
      process.stdout.write(`${JSON.stringify({ found: found.map((says) => ({ file: 'agent.sqlite', says })) })}\n`);
    else for (const says of found) process.stdout.write(`agent: ${says}\n`);
    if (!json) process.stdout.write(`agent: ${found.length} wrong\n`);
    process.exitCode = found.length === 0 ? 0 : 1;
  }
} catch (error) {
  process.stderr.write(`scrub: ${isFault(error) || error instanceof Error ? error.message : 'failed'}\n`);
  process.exitCode = 2;
}
