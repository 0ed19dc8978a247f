/** The configuration of a ledger writer that runs alone. The only file here that sees the environment. */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { KAFKA_ADDRESS_FORM, type KafkaAddress, readKafkaAddress } from '../journal/kafka/address.ts';
import {
  ANCHOR_HELP,
  ANCHOR_OPTIONS,
  type AnchorSettings,
  type AnchorValues,
  readAnchorSettings,
} from './anchor-config.ts';

/** Origin of a log that is given no other. */
export const DEFAULT_ORIGIN = 'veravita.local/log';

export interface LedgerWriterSettings {
  /** Public files: checkpoint and tiles. */
  readonly logDirectory: string;
  readonly keyDirectory: string;
  readonly commitmentsPath: string;
  readonly positionsPath: string;
  /** Indexes of journals in Kafka. */
  readonly indexDirectory: string;
  /** The journals are there; in SQLite where it is missing. */
  readonly kafka?: KafkaAddress;
  readonly origin: string;
  readonly intervalMs: number;
  readonly anchors: AnchorSettings;
}

export const HELP = `Usage: node ledger-writer/main.ts --data DIR [options]

Carries commitments from DIR/service/commitments.sqlite into the log DIR/log, signs checkpoints,
and tells the positions to DIR/service/positions.sqlite. The key is DIR/keys/log/log.key, the
public key to hand out DIR/keys/log/log.vkey.

  --data DIR         data directory (VERAVITA_DATA)
  --journal URL      where the journals are, if not in those files (VERAVITA_JOURNAL):
                     ${KAFKA_ADDRESS_FORM}
  --origin NAME      name of the log (VERAVITA_LOG_ORIGIN; ${DEFAULT_ORIGIN})
  --interval MS      from one checkpoint to the next (VERAVITA_LOG_INTERVAL_MS; 1000)
  --help             this text
${ANCHOR_HELP}`;

/** Paths of the writer below a data directory. */
export function pathsBelow(data: string): Omit<LedgerWriterSettings, 'origin' | 'intervalMs' | 'kafka' | 'anchors'> {
  const root = resolve(data);
  return {
    logDirectory: join(root, 'log'),
    keyDirectory: join(root, 'keys', 'log'),
    commitmentsPath: join(root, 'service', 'commitments.sqlite'),
    positionsPath: join(root, 'service', 'positions.sqlite'),
    indexDirectory: join(root, 'kafka', 'ledger-writer'),
  };
}

/** Settings, a wish for help, or everything that is wrong with the arguments. */
export type ConfigResult =
  | { readonly settings: LedgerWriterSettings }
  | { readonly help: true }
  | { readonly problems: readonly string[] };

export function readConfig(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): ConfigResult {
  let values: { data?: string; journal?: string; origin?: string; interval?: string; help?: boolean } & AnchorValues;
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: {
        data: { type: 'string' },
        journal: { type: 'string' },
        origin: { type: 'string' },
        interval: { type: 'string' },
        ...ANCHOR_OPTIONS,
        help: { type: 'boolean' },
      },
    }));
  } catch (error) {
    return { problems: [(error as Error).message] };
  }
  if (values.help) return { help: true };
  const data = values.data ?? env.VERAVITA_DATA;
  const origin = values.origin ?? env.VERAVITA_LOG_ORIGIN ?? DEFAULT_ORIGIN;
  const interval = values.interval ?? env.VERAVITA_LOG_INTERVAL_MS ?? '1000';
  const problems: string[] = [];
  if (data === undefined || data === '') problems.push('--data names the data directory');
  if (/[\p{White_Space}+]/u.test(origin) || origin === '') problems.push('--origin is a name without spaces or plus');
  if (!/^[1-9][0-9]{1,6}$/.test(interval)) problems.push('--interval is 10 to 9999999 milliseconds');
  const journal = values.journal ?? env.VERAVITA_JOURNAL;
  const kafka = journal === undefined ? undefined : readKafkaAddress(journal);
  if (kafka && 'problems' in kafka) problems.push(...kafka.problems);
  const anchors = readAnchorSettings(values, env, problems);
  if (problems.length > 0) return { problems };
  const told = kafka && 'address' in kafka && { kafka: kafka.address };
  return { settings: { ...pathsBelow(data!), ...told, origin, intervalMs: Number(interval), anchors } };
}
