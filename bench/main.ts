/** `npm run bench`: how fast the road is, where its time goes, and beside it what one would write without it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_READINGS, planBench, runBench } from './bench.ts';
import { formatReport } from './report.ts';

const LEAST = 1000;
const MOST = 1_000_000;

const HELP = `Usage: npm run bench [-- options]

Measures readings a second along the whole road and through the plain pipeline, the time of each
stage, and octets on the wire, in about a minute and a half. Works in a temporary directory (TMPDIR
chooses where), which should be on a disk. Compare the ratios of one run, not figures of two.

  --readings N   readings of the longest measurement, ${LEAST} to ${MOST} (default ${DEFAULT_READINGS});
                 fewer are taken where they would last too long
  --json         one JSON line instead of tables
  --help         this text
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      readings: { type: 'string', default: String(DEFAULT_READINGS) },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const readings = Number(values.readings);
  if (!/^\d{1,7}$/.test(values.readings) || readings < LEAST || readings > MOST) {
    throw new Error(`--readings is a whole number from ${LEAST} to ${MOST}`);
  }
  const directory = mkdtempSync(join(tmpdir(), 'veravita-bench-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const result = await runBench(directory, planBench(readings), (what) =>
    process.stderr.write(`Measuring ${what} ...\n`),
  );
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `\n${formatReport(result)}`);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : 'failed'}\n`);
    process.exit(2);
  },
);
