/** `npm run replay`: a recording along the whole road, as fast as it goes. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { isFault } from '../protocol/fault.ts';
import { parseRecording } from './recording.ts';
import { type ReplayResult, replayRecording } from './replay.ts';
import { openWorld } from './world.ts';
import { resolveZone } from './zone.ts';

const HELP = `Usage: npm run replay -- FILE.csv [options]

Replays a recording through virtual wearables along the whole road, until every reading is filed and
its batch is in a signed checkpoint. Columns: measuredAt, an optional subject, and vital signs with
their unit, such as "heart-rate [/min]" or "glucose [mg/dL]".

  --data DIR   data directory; without it a temporary one that is removed at the end
  --zone Z     zone of the recording's times: UTC (default), +02:00, or a name such as Europe/Vienna
  --json       one JSON line at the end
  --help       this text

Exit code: 0 when nothing is lost or doubled, 1 when something is, 2 when it could not run.
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      data: { type: 'string' },
      zone: { type: 'string', default: 'UTC' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new Error('name one recording; --help tells more');
  const recording = parseRecording(readFileSync(file, 'utf8'));
  const zone = resolveZone(values.zone);
  const temporary = values.data === undefined ? mkdtempSync(join(tmpdir(), 'veravita-replay-')) : undefined;
  const directory = values.data ?? temporary!;
  try {
    const world = await openWorld({
      directory,
      httpPort: 0,
      mqttPort: 0,
      checkpointMs: 200,
      onTrouble: (what) => process.stderr.write(`trouble: ${what}\n`),
    });
    const stop = new Promise<'stopped'>((resolve) => {
      process.once('SIGINT', () => resolve('stopped'));
      process.once('SIGTERM', () => resolve('stopped'));
    });
    try {
      const onProgress = progressTo(process.stderr);
      const done = replayRecording(world, { directory, recording, name: basename(file, '.csv'), zone, onProgress });
      const result = await Promise.race([done, stop]);
      if (result === 'stopped') {
        process.stderr.write('\nStopped. The same command goes on where this one ended.\n');
        return 130;
      }
      process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : describe(result));
      return result.lost === 0 && result.duplicates === 0 ? 0 : 1;
    } finally {
      await world.stop();
    }
  } finally {
    if (temporary) rmSync(temporary, { recursive: true, force: true });
  }
}

function progressTo(stream: NodeJS.WriteStream): (heard: number, of: number) => void {
  let last = -1;
  return (heard, of) => {
    const percent = Math.floor((100 * heard) / of);
    if (percent === last || (!stream.isTTY && percent % 25 !== 0)) return;
    last = percent;
    const text = `${String(percent).padStart(3)} %  ${heard} of ${of} readings heard`;
    stream.write(stream.isTTY ? `\r${text}${percent === 100 ? '\n' : ''}` : `${text}\n`);
  };
}

function describe(result: ReplayResult): string {
  const lines = [
    `readings in the recording   ${result.readings}`,
    `filed in the record         ${result.filed}`,
    `in the log                  ${result.inLog}`,
    `lost                        ${result.lost}`,
    `doubled                     ${result.duplicates}`,
    `batches                     ${result.batches}`,
    `checkpoint size             ${result.checkpointSize}`,
    `seconds                     ${result.seconds}`,
  ];
  if (result.again > 0) lines.push(`${result.again} readings were in the record before; nothing was filed twice.`);
  return `${lines.join('\n')}\n`;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`replay: ${isFault(error) || error instanceof Error ? error.message : 'failed'}\n`);
    process.exit(2);
  },
);
