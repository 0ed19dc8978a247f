import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../bench/radio-main.ts', import.meta.url));

it('the radio bench hears all that was sent, by our radio and by noble', async () => {
  const args = [script, '--straps', '12', '--hz', '20', '--seconds', '1'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  for (const listener of ['radio', 'noble']) {
    expect(stdout).toMatch(new RegExp(`^${listener} +12 +\\d+ ms +240 +0 `, 'm'));
  }
}, 60_000);
