/** One verdict on every Ed25519 edge case, on Node 22 as on the Node that runs this; NODE22 names its binary. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { edgeVerdicts } from '../support/ed25519-verdicts.ts';

const { NODE22 } = process.env;
if (!NODE22) console.log('node 22: skipped, NODE22 does not name its binary');

it.skipIf(!NODE22)('Node 22 gives the same verdicts', async () => {
  const script = fileURLToPath(new URL('../support/ed25519-verdicts.ts', import.meta.url));
  const run = promisify(execFile);
  expect((await run(NODE22!, ['--version'])).stdout).toMatch(/^v22\./);
  const { stdout } = await run(NODE22!, ['--experimental-strip-types', '--no-warnings', script]);
  expect(stdout.trim()).toBe(edgeVerdicts().map(Number).join(''));
  expect(stdout).toContain('1');
});
