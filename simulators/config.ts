/** Settings of `npm start`; the only file here that reads options and environment for it. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const DEFAULT_PORT = 8080;

export const HELP = `Usage: npm start [-- options]

Runs everything on this machine, listening on loopback only: simulated wearables, edge agents, the
ingest service, the ledger writer, and two pages. All data is test data.

  --data DIR   data directory (VERAVITA_DATA; default ./data); a second start on it continues
  --port N     port of the pages and the API (VERAVITA_PORT; default ${DEFAULT_PORT}; 0: any free one)
  --seed N     seed of the simulated bodies (default 1)
  --speed X    simulated time runs X times as fast as real time, 0.1 to 100 (default 1)
  --help       this text

Ctrl-C stops cleanly.
`;

export interface StartSettings {
  readonly directory: string;
  readonly port: number;
  readonly seed: number;
  readonly speed: number;
}

export type StartConfig =
  | { readonly help: true }
  | { readonly problems: readonly string[] }
  | { readonly settings: StartSettings };

/** All problems at once, or the settings. */
export function readStartConfig(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): StartConfig {
  let values: { data?: string; port?: string; seed?: string; speed?: string; help?: boolean };
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: {
        data: { type: 'string' },
        port: { type: 'string' },
        seed: { type: 'string' },
        speed: { type: 'string' },
        help: { type: 'boolean' },
      },
    }));
  } catch (error) {
    return { problems: [`${(error as Error).message.split('. ')[0]}; --help tells what there is`] };
  }
  if (values.help) return { help: true };
  const problems: string[] = [];
  const numberOf = (name: string, text: string, low: number, high: number, whole: boolean) => {
    const value = Number(text);
    const good = /^\d+(\.\d+)?$/.test(text) && value >= low && value <= high && (!whole || Number.isInteger(value));
    if (!good) problems.push(`--${name} is a ${whole ? 'whole ' : ''}number from ${low} to ${high}`);
    return value;
  };
  const settings = {
    directory: resolve(values.data ?? env.VERAVITA_DATA ?? 'data'),
    port: numberOf('port', values.port ?? env.VERAVITA_PORT ?? String(DEFAULT_PORT), 0, 65_535, true),
    seed: numberOf('seed', values.seed ?? '1', 0, 2 ** 32 - 1, true),
    speed: numberOf('speed', values.speed ?? '1', 0.1, 100, false),
  };
  return problems.length > 0 ? { problems } : { settings };
}
