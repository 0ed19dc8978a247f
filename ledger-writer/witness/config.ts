/** The configuration of a witness. The only file here that sees the environment. */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type NoteKey, parseVerifierKey } from '../../protocol/signed-note.ts';

/** Name of a witness that is given no other. */
const DEFAULT_NAME = 'witness.veravita.local';
const DEFAULT_PORT = 8090;

export interface WitnessSettings {
  readonly keyPath: string;
  readonly vkeyPath: string;
  readonly statePath: string;
  readonly name: string;
  readonly logs: readonly NoteKey[];
  readonly host: string;
  readonly port: number;
  readonly json: boolean;
}

export const HELP = `Watches logs of other parties: cosigns their checkpoints (C2SP tlog-witness) as long as each extends the last.

  npm run witness -- --data DIR --log VKEY... [options]

Prints the witness's own verifier key, to hand out, and keeps it in DIR/witness.vkey. The key is DIR/witness.key, made on
the first start; what was cosigned is DIR/witness-state.sqlite. Never restore either from a backup while the other is newer:
a witness that forgets can be made to cosign a fork.

  --data DIR    directory of the witness (VERAVITA_WITNESS_DATA)
  --log VKEY    verifier key of a log to watch, or a file that holds it, such as log.vkey; several times for several logs
                (VERAVITA_WITNESS_LOGS, separated by spaces)
  --name NAME   name in cosignatures; stays for good (VERAVITA_WITNESS_NAME; ${DEFAULT_NAME})
  --port N      (VERAVITA_WITNESS_PORT; ${DEFAULT_PORT}; 0 for any that is free)
  --host HOST   address to listen on (VERAVITA_WITNESS_HOST; 127.0.0.1). There is no TLS: beyond this machine put a proxy
                in front
  --json        one line of JSON for each thing that is told
  --help        this text
`;

/** Settings, a wish for help, or everything that is wrong with the arguments. */
export type ConfigResult =
  | { readonly settings: WitnessSettings }
  | { readonly help: true }
  | { readonly problems: readonly string[] };

/** `readKeyFile` gives the text of a file, or undefined when there is none. */
export function readConfig(
  argv: readonly string[],
  readKeyFile: (path: string) => string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): ConfigResult {
  let values: Record<string, string | string[] | boolean | undefined>;
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: {
        data: { type: 'string' },
        log: { type: 'string', multiple: true },
        name: { type: 'string' },
        port: { type: 'string' },
        host: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }));
  } catch (error) {
    return { problems: [(error as Error).message] };
  }
  if (values.help) return { help: true };
  const data = (values.data ?? env.VERAVITA_WITNESS_DATA ?? '') as string;
  const name = (values.name ?? env.VERAVITA_WITNESS_NAME ?? DEFAULT_NAME) as string;
  const port = (values.port ?? env.VERAVITA_WITNESS_PORT ?? String(DEFAULT_PORT)) as string;
  const host = (values.host ?? env.VERAVITA_WITNESS_HOST ?? '127.0.0.1') as string;
  const named = (values.log ?? env.VERAVITA_WITNESS_LOGS?.split(/\s+/).filter(Boolean) ?? []) as string[];
  const problems: string[] = [];
  if (data === '') problems.push('--data names the directory of the witness');
  if (named.length === 0) problems.push('--log names a log to watch');
  if (/[\p{White_Space}+]/u.test(name) || name === '') problems.push('--name is a name without spaces or plus');
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) problems.push('--port is 0 to 65535');
  if (host === '') problems.push('--host is an address');
  const logs: NoteKey[] = [];
  for (const [i, text] of named.entries()) {
    try {
      logs.push(parseVerifierKey((readKeyFile(text) ?? text).trim()));
    } catch {
      problems.push(`--log number ${i + 1} is neither a log's verifier key nor a file that holds one`);
    }
  }
  if (problems.length > 0) return { problems };
  const at = (file: string) => join(resolve(data), file);
  return {
    settings: {
      keyPath: at('witness.key'),
      vkeyPath: at('witness.vkey'),
      statePath: at('witness-state.sqlite'),
      name,
      logs,
      host,
      port: Number(port),
      json: values.json === true,
    },
  };
}
