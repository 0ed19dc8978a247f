/** Runs the ledger writer alone on a data directory, until it is told to stop. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { assertSameEngine } from '../journal/engine-choice.ts';
import type { Journal } from '../journal/journal.ts';
import { openJournalSqlite } from '../journal/journal-sqlite.ts';
import { encodeHex } from '../protocol/bytes.ts';
import { isFault } from '../protocol/fault.ts';
import type { Anchor } from './anchor.ts';
import { type Anchoring, startAnchoring } from './anchoring.ts';
import { HELP, type LedgerWriterSettings, readConfig } from './config.ts';
import { openKeyedLog } from './keyed-log.ts';
import type { Log } from './log.ts';
import { LogFiles } from './log-files.ts';
import { readSeed } from './seed-file.ts';
import { openWitnesses, type WitnessesStatus } from './witnesses.ts';
import { startLedgerWriter } from './writer.ts';

/** In Kafka, where the settings say so. */
async function openJournals(settings: LedgerWriterSettings): Promise<{ commitments: Journal; positions: Journal }> {
  const { kafka, commitmentsPath, positionsPath, indexDirectory } = settings;
  assertSameEngine({ sqlitePath: commitmentsPath, indexDirectory, kafka: kafka !== undefined });
  if (!kafka) {
    return {
      commitments: openJournalSqlite({ path: commitmentsPath }),
      positions: openJournalSqlite({ path: positionsPath }),
    };
  }
  const { openJournalKafka } = await import('../journal/journal-kafka.ts');
  const open = (name: string) =>
    openJournalKafka({ ...kafka, name, indexPath: join(indexDirectory, `${name}.sqlite`) });
  return { commitments: open('commitments'), positions: open('positions') };
}

/** The anchors of the settings. The chain client is loaded only where there is one to talk to. */
async function openAnchors({ anchors, keyDirectory }: LedgerWriterSettings): Promise<Anchor[]> {
  if (anchors.evm.length === 0) return [];
  const { finality, maxFee } = anchors;
  // Keys first: a state that was opened before a refusal would stay open.
  const chains = anchors.evm.map(({ keyPath, ...chain }) => ({ ...chain, key: readSeed(keyPath) }));
  const { addressOf, openAnchorEvm } = await import('./anchor-evm.ts');
  return chains.map((chain) => {
    const name = `anchor-evm-${chain.chainId}-${encodeHex(chain.contract)}.sqlite`;
    console.log(`anchoring on chain ${chain.chainId} as ${addressOf(chain.key)}`);
    return openAnchorEvm({ ...chain, finality, maxFee, clock: Date.now, statePath: join(keyDirectory, name) });
  });
}

/** Nothing where no anchor is or was. */
async function startAnchors(settings: LedgerWriterSettings, log: Log): Promise<Anchoring | undefined> {
  const directory = join(settings.logDirectory, 'anchors');
  if (settings.anchors.evm.length === 0 && !existsSync(directory)) return undefined;
  const files = new LogFiles(settings.logDirectory);
  const anchors = await openAnchors(settings);
  const counts = (name: string) =>
    Object.entries(anchors.find((anchor) => anchor.name === name)?.counters ?? {})
      .filter(([, count]) => count > 0)
      .map(([what, count]) => `, ${what} ${count}`)
      .join('');
  return startAnchoring({
    anchors,
    readLog: (path) => files.read(path),
    logKey: log.key,
    directory,
    intervalMs: settings.anchors.intervalMs,
    onTrouble: (name, error) =>
      console.error(`anchor ${name}: ${error === undefined ? 'well again' : describe(error)}`),
    onAnchored: (name, size) => console.log(`anchor ${name}: ${size} entries are final${counts(name)}`),
  });
}

async function run(settings: LedgerWriterSettings): Promise<void> {
  const log = await openKeyedLog({
    directory: settings.logDirectory,
    keyDirectory: settings.keyDirectory,
    origin: settings.origin,
    newSeed: () => randomBytes(32),
    witnesses: settings.witnesses.map(({ key }) => key),
    quorum: settings.quorum,
  });
  const witnesses = openWitnesses({
    log,
    witnesses: settings.witnesses,
    quorum: settings.quorum,
    timeoutMs: settings.witnessTimeoutMs,
    onChange: (status) => status.witnesses.length > 0 && console.log(describeWitnesses(status)),
    onError: (error) => console.error(describe(error)),
  });
  const { commitments, positions } = await openJournals(settings);
  // Last, because its timers would keep a process alive that could not start.
  const anchoring = await startAnchors(settings, log).catch(async (error: unknown) => {
    await Promise.all([commitments.close(), positions.close(), log.close()]);
    throw error;
  });
  const stopped = Promise.withResolvers<void>();
  const writer = startLedgerWriter({
    commitments,
    positions,
    log,
    witnesses,
    intervalMs: settings.intervalMs,
    onCheckpoint: ({ checkpoint }) => console.log(`checkpoint of ${checkpoint.size} entries`),
    onError: (error) => {
      console.error(describe(error));
      // A contradiction in the log does not pass: stop rather than try for ever.
      if (isFault(error) && error.retry === 'never') stopped.reject(error);
    },
  });
  console.log('following the commitments');
  process.send?.('ready');
  // The last: whoever started us is gone.
  for (const signal of ['SIGINT', 'SIGTERM', 'disconnect'] as const) process.on(signal, () => stopped.resolve());
  if (process.send && !process.connected) stopped.resolve();
  try {
    await stopped.promise;
  } finally {
    await anchoring?.stop();
    await writer.stop();
    await witnesses.stop();
    await commitments.close();
    await positions.close();
    await log.close();
    // Or the channel would keep the process alive.
    if (process.connected) process.disconnect();
  }
}

function describeWitnesses({ quorum, cosigned, signedSize, publishedSize, witnesses }: WitnessesStatus): string {
  const state = publishedSize < signedSize ? `not published (${quorum} needed; ${publishedSize} are)` : 'published';
  const trouble = witnesses.flatMap(({ name, last }) =>
    last === 'cosigned' || last === 'unasked' || last === 'outdated' ? [] : [`; ${name}: ${last}`],
  );
  return `${signedSize} entries: ${cosigned} of ${witnesses.length} witnesses cosigned, ${state}${trouble.join('')}`;
}

function describe(error: unknown): string {
  return isFault(error) ? `${error.code}: ${error.message}` : 'unexpected failure';
}

const config = readConfig(process.argv.slice(2));
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
