/** The configuration of a ledger writer that runs alone. The only file here that sees the environment. */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { KAFKA_ADDRESS_FORM, type KafkaAddress, readKafkaAddress } from '../journal/kafka/address.ts';
import { assertDistinctWitnesses, parseWitnessKey } from '../protocol/cosignature.ts';
import {
  ANCHOR_HELP,
  ANCHOR_OPTIONS,
  type AnchorSettings,
  type AnchorValues,
  readAnchorSettings,
} from './anchor-config.ts';
import type { WitnessAddress } from './witness-client.ts';

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
  readonly witnesses: readonly WitnessAddress[];
  /** Witnesses that must cosign before a checkpoint is published. */
  readonly quorum: number;
  readonly witnessTimeoutMs: number;
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
  --witness URL=VKEY
                     a witness (C2SP tlog-witness) that is sent each checkpoint, and its verifier key; once for each
                     (VERAVITA_LOG_WITNESSES, separated by spaces)
  --quorum K         publish no checkpoint that fewer than K witnesses cosigned; entries are still taken, and signed
                     (VERAVITA_LOG_QUORUM; 0: publish at once, and fill in cosignatures as they come)
  --witness-timeout MS
                     for a witness to answer (VERAVITA_LOG_WITNESS_TIMEOUT_MS; 5000)
  --help             this text
${ANCHOR_HELP}`;

/** Paths of the writer below a data directory. */
export function pathsBelow(
  data: string,
): Pick<
  LedgerWriterSettings,
  'logDirectory' | 'keyDirectory' | 'commitmentsPath' | 'positionsPath' | 'indexDirectory'
> {
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
  let values: Record<string, string | string[] | boolean | undefined> & AnchorValues;
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: {
        data: { type: 'string' },
        journal: { type: 'string' },
        origin: { type: 'string' },
        interval: { type: 'string' },
        witness: { type: 'string', multiple: true },
        quorum: { type: 'string' },
        'witness-timeout': { type: 'string' },
        ...ANCHOR_OPTIONS,
        help: { type: 'boolean' },
      },
    }));
  } catch (error) {
    return { problems: [(error as Error).message] };
  }
  if (values.help) return { help: true };
  const text = (option: string, variable: string, otherwise?: string) =>
    (values[option] ?? env[variable] ?? otherwise ?? '') as string;
  const data = text('data', 'VERAVITA_DATA');
  const origin = text('origin', 'VERAVITA_LOG_ORIGIN', DEFAULT_ORIGIN);
  const interval = text('interval', 'VERAVITA_LOG_INTERVAL_MS', '1000');
  const quorum = text('quorum', 'VERAVITA_LOG_QUORUM', '0');
  const timeout = text('witness-timeout', 'VERAVITA_LOG_WITNESS_TIMEOUT_MS', '5000');
  const named = (values.witness ?? env.VERAVITA_LOG_WITNESSES?.split(/\s+/).filter(Boolean) ?? []) as string[];
  const problems: string[] = [];
  if (data === '') problems.push('--data names the data directory');
  if (/[\p{White_Space}+]/u.test(origin) || origin === '') problems.push('--origin is a name without spaces or plus');
  if (!/^[1-9][0-9]{1,6}$/.test(interval)) problems.push('--interval is 10 to 9999999 milliseconds');
  if (!/^[1-9][0-9]{1,4}$/.test(timeout)) problems.push('--witness-timeout is 10 to 99999 milliseconds');
  const witnesses = readWitnesses(named, problems);
  if (!/^\d{1,2}$/.test(quorum) || Number(quorum) > named.length)
    problems.push('--quorum is a number of the witnesses that are named');
  const journal = (values.journal ?? env.VERAVITA_JOURNAL) as string | undefined;
  const kafka = journal === undefined ? undefined : readKafkaAddress(journal);
  if (kafka && 'problems' in kafka) problems.push(...kafka.problems);
  const anchors = readAnchorSettings(values, env, problems);
  if (problems.length > 0) return { problems };
  return {
    settings: {
      ...pathsBelow(data),
      ...(kafka && 'address' in kafka && { kafka: kafka.address }),
      origin,
      intervalMs: Number(interval),
      witnesses,
      quorum: Number(quorum),
      witnessTimeoutMs: Number(timeout),
      anchors,
    },
  };
}

/** Most witnesses; with each, the note grows by a line. */
const MAX_WITNESSES = 32;

function readWitnesses(named: readonly string[], problems: string[]): WitnessAddress[] {
  const witnesses: WitnessAddress[] = [];
  for (const [i, text] of named.entries()) {
    // The last sign: a URL may hold one, a verifier key of 33 octets does not.
    const [, url = '', vkey = ''] = /^(https?:\/\/\S+)=([^=\s]+)$/.exec(text) ?? [];
    try {
      if (!URL.canParse(url)) throw new Error('no URL');
      witnesses.push({ url, key: parseWitnessKey(vkey) });
    } catch {
      problems.push(`--witness number ${i + 1} is not URL=VKEY with the verifier key of a witness`);
    }
  }
  if (named.length > MAX_WITNESSES) problems.push(`--witness names at most ${MAX_WITNESSES}`);
  try {
    assertDistinctWitnesses(witnesses.map(({ key }) => key));
  } catch {
    problems.push('--witness names one key twice');
  }
  return witnesses;
}
