/** `npm run witness`: a witness of other parties' logs, until it is told to stop. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { encodeWitnessKey } from '../../protocol/cosignature.ts';
import { isFault } from '../../protocol/fault.ts';
import { HELP, readConfig, type WitnessSettings } from './config.ts';
import { openKeyedWitness } from './keyed-witness.ts';
import { openWitness } from './witness.ts';
import { type Ending, startWitnessServer } from './witness-server.ts';

/** From one line of counts to the next, when there is something to count. */
const COUNTS_INTERVAL_MS = 60_000;

async function run(settings: WitnessSettings): Promise<void> {
  const tell = (words: string, json: object) => console.log(settings.json ? JSON.stringify(json) : words);
  const { cosigner, state } = await openKeyedWitness({ ...settings, newSeed: () => randomBytes(32) });
  const witness = openWitness({ cosigner, logs: settings.logs, state, clock: () => Math.floor(Date.now() / 1000) });
  const counts: Partial<Record<Ending, number>> = {};
  let told = '';
  const tellCounts = () => {
    const now = JSON.stringify(counts);
    if (now !== told && now !== '{}')
      tell(
        `requests: ${Object.entries(counts)
          .map((pair) => pair.join(' '))
          .join(', ')}`,
        { requests: counts },
      );
    told = now;
  };
  const timer = setInterval(tellCounts, COUNTS_INTERVAL_MS);
  const stopped = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopped.resolve());
  try {
    const server = await startWitnessServer({
      witness,
      host: settings.host,
      port: settings.port,
      onEnd: (ending) => {
        counts[ending] = (counts[ending] ?? 0) + 1;
        // The one thing that a witness is there for does not wait.
        if (ending === 'fork' || ending === 'inconsistent') tellCounts();
      },
      onError: (error) => console.error(describe(error)),
    });
    if (!['127.0.0.1', '::1', 'localhost'].includes(settings.host))
      console.error('listens beyond this machine, and nothing is encrypted: put a proxy that ends TLS in front');
    const vkey = encodeWitnessKey(cosigner);
    tell(`${vkey}\nwatching ${settings.logs.length} logs at ${server.url}`, { vkey, url: server.url });
    await stopped.promise;
    await server.close();
  } finally {
    clearInterval(timer);
    tellCounts();
    state.close();
  }
}

function describe(error: unknown): string {
  if (isFault(error)) return `${error.code}: ${error.message}`;
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined ? 'unexpected failure' : `failed: ${code}`;
}

/** The text of a file, if it is one. */
function readKeyFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

const config = readConfig(process.argv.slice(2), readKeyFile);
if ('help' in config) {
  process.stdout.write(HELP);
} else if ('problems' in config) {
  for (const problem of config.problems) console.error(problem);
  process.exitCode = 2;
} else {
  await run(config.settings).catch((error: unknown) => {
    console.error(describe(error));
    process.exitCode = 1;
  });
}
