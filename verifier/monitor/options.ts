/** The command line of the monitor. */
import { parseArgs } from 'node:util';

export const HELP = `Watches a log from outside: its public files and the keys that you trust are all it uses.

  npm run -s monitor -- --log URL|DIR --trust FILE [options]

Each look verifies the checkpoint, binds the tiles to it, rebuilds the tree from the entries and compares it with the one
that was seen before. What it remembers has the size of a few hashes, however large the log is.

  --log URL|DIR    where checkpoint and tile/ are
  --trust FILE     the log's key, and witnesses with their quorum, as for verify
  --state FILE     remembers the last good checkpoint from one run to the next (0600); with a proof against the log, the
                   signed notes that show it are put into FILE.evidence
  --once           looks once
  --interval S     seconds from one look to the next; 30
  --timeout S      seconds for one file of a URL; 10
  --max-age S      alarm when the log has not grown for so long; none
  --expect FILE    commitments that must be in the log, one a line: 64 hex digits, a space, and the instant of the promise
                   such as 2026-03-01T08:00:00Z; read again with every look
  --max-delay S    seconds from promise to entry; 60
  --json           one line of JSON for each look
  --help           this text

Alarms: rollback, fork, bad-signature, forged (a tile or entry that is not the signed one): proofs that end the watch;
missing (a file), witnesses (fewer than the quorum), stale, overdue, unreachable: told when they begin and end.

Exit code: 0 no alarm, 1 an alarm, 2 the log or a file could not be read, or the command line is wrong.
`;

export interface MonitorOptions {
  readonly log: string;
  readonly trust: string;
  readonly state?: string;
  readonly expect?: string;
  readonly once: boolean;
  readonly json: boolean;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly maxDelayMs: number;
  readonly maxAgeMs?: number;
}

export type OptionsResult =
  | { readonly options: MonitorOptions }
  | { readonly help: true }
  | { readonly problems: readonly string[] };

export function readOptions(argv: readonly string[]): OptionsResult {
  let values: Record<string, string | boolean | undefined>;
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    ({ values } = parseArgs({
      args: [...argv],
      options: {
        ...{ log: text, trust: text, state: text, expect: text, once: flag, json: flag, help: flag },
        ...{ interval: text, timeout: text, 'max-delay': text, 'max-age': text },
      },
    }));
  } catch (error) {
    return { problems: [(error as Error).message] };
  }
  if (values.help) return { help: true };
  const problems: string[] = [];
  const seconds = (option: string, otherwise?: string): number => {
    const text = (values[option] ?? otherwise) as string;
    if (!/^\d{1,7}(?:\.\d{1,3})?$/.test(text) || Number(text) === 0)
      problems.push(`--${option} is a number of seconds`);
    return Number(text) * 1000;
  };
  const { log, trust, state, expect } = values as Record<string, string | undefined>;
  if (!log) problems.push('--log says where the log is');
  if (!trust) problems.push('--trust names the file with the keys that you trust');
  const options: MonitorOptions = {
    log: log ?? '',
    trust: trust ?? '',
    ...(state !== undefined && { state }),
    ...(expect !== undefined && { expect }),
    once: values.once === true,
    json: values.json === true,
    intervalMs: seconds('interval', '30'),
    timeoutMs: seconds('timeout', '10'),
    maxDelayMs: seconds('max-delay', '60'),
    ...(values['max-age'] !== undefined && { maxAgeMs: seconds('max-age') }),
  };
  return problems.length > 0 ? { problems } : { options };
}
