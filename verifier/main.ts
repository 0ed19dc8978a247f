/** `npm run verify`: checks receipts and certificates of coverage with nothing but the files given. No network, no state. */
import { closeSync, openSync, readSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { concatBytes, decodeUtf8 } from '../protocol/bytes.ts';
import { plainCoverage, renderCoverage } from '../protocol/coverage-words.ts';
import { isFault } from '../protocol/fault.ts';
import { MAX_PACK_OCTETS } from '../protocol/receipt-pack.ts';
import { decodeTrust, type Trust } from '../protocol/trust.ts';
import { type Checked, checkFile } from './check.ts';
import { renderErasure, renderErasureJson } from './erasure-report.ts';
import { printable } from './reading-text.ts';
import { exitCodeOf, type Outcome, renderJson, renderReports, worstOf } from './report.ts';

const HELP = `Checks receipts of readings and certificates of coverage or erasure, step by step, without asking anybody.

  npm run -s verify -- FILE... [--trust FILE] [--corrections FILE]... [--json]

  --trust FILE  public keys of the log and the service that you trust. Have it from somebody else than the party that
                is being checked; no trust file is looked for beside the receipt. It may name chains, too, and blocks of
                theirs that you know.
  --corrections FILE  a supersession that the holder has got since, such as the service gives for a receipt; may be
                repeated. Those about other readings count for nothing
  --json        one line of JSON for each receipt: file, verdict, steps, anchors, and the reading as the receipt claims it
  --help        show this text

Exit code: 0 all genuine, 1 one is altered, 2 not provable: trust or a part of it missing, or a file cannot be read,
3 one was corrected or withdrawn since. Of a certificate of coverage: 0 green, 1 red.
`;

interface Options {
  readonly files: readonly string[];
  readonly trust: string | undefined;
  readonly corrections: readonly string[];
  readonly json: boolean;
  readonly help: boolean;
}

/** Says one line on standard error. */
function complain(reason: string): void {
  process.stderr.write(`verify: ${reason}\n`);
}

function readOptions(): Options | undefined {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        trust: { type: 'string', multiple: true },
        corrections: { type: 'string', multiple: true, default: [] },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const [trust, ...more] = values.trust ?? [];
    if (more.length > 0) throw new Error('--trust may be given once');
    if (!values.help && positionals.length === 0) throw new Error('no receipt given');
    return { files: positionals, trust, corrections: values.corrections, json: values.json, help: values.help };
  } catch (error) {
    const [reason] = (error as Error).message.split(/\. |\n/);
    complain(`${printable(reason!)}; see --help`);
    return undefined;
  }
}

/** Bytes of a file, and no more than one beyond what is read of a receipt or certificate. */
function readSome(file: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  const descriptor = openSync(file, 'r');
  try {
    for (let rest = MAX_PACK_OCTETS + 1; rest > 0; ) {
      const chunk = new Uint8Array(Math.min(rest, CHUNK_OCTETS));
      const count = readSync(descriptor, chunk, 0, chunk.length, null);
      if (count === 0) break;
      chunks.push(chunk.subarray(0, count));
      rest -= count;
    }
    return concatBytes(...chunks);
  } finally {
    closeSync(descriptor);
  }
}

const CHUNK_OCTETS = 1024 * 1024;

const READ_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read',
  EISDIR: 'it is a folder',
};

/** Bytes of a file, or undefined after one line on standard error. */
function tryRead(file: string): Uint8Array | undefined {
  try {
    return readSome(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    complain(`${printable(file)} cannot be read: ${READ_ERRORS[code] ?? (code || 'not a file name')}`);
    return undefined;
  }
}

function tryText(file: string): string | undefined {
  const bytes = tryRead(file);
  try {
    return bytes && decodeUtf8(bytes);
  } catch (error) {
    if (!isFault(error)) throw error;
    complain(`${printable(file)} is not text`);
    return undefined;
  }
}

function tryTrust(file: string): Trust | undefined {
  const bytes = tryRead(file);
  if (!bytes) return undefined;
  try {
    return decodeTrust(decodeUtf8(bytes));
  } catch (error) {
    if (!isFault(error)) throw error;
    complain(`${printable(file)} is not a trust file: ${error.message}`);
    return undefined;
  }
}

/** What is said of a file, and the worst of what was found. */
function report(file: string, checked: Checked, trusted: boolean, json: boolean): [string, Outcome] {
  switch (checked.kind) {
    case 'coverage': {
      const { verdict } = checked;
      const said = json
        ? `${JSON.stringify({ file: printable(file), ...plainCoverage(verdict) })}\n`
        : `${printable(file)}: ${renderCoverage(verdict, trusted)}`;
      return [said, verdict.verdict === 'green' ? 'genuine' : 'altered'];
    }
    case 'erasure': {
      const { verdict } = checked;
      const said = json ? renderErasureJson(file, verdict) : renderErasure(file, verdict, trusted);
      return [said, verdict.verdict === 'pending' ? 'genuine' : verdict.verdict];
    }
    case 'receipts': {
      const { verdicts } = checked;
      const said = json
        ? verdicts.map((verdict) => renderJson(file, verdict)).join('')
        : renderReports(file, verdicts, trusted);
      return [said, worstOf(verdicts.map(({ verdict }) => verdict))];
    }
  }
}

/** Returns the exit code. */
function main(): number {
  const options = readOptions();
  if (!options) return 2;
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const trust = options.trust === undefined ? undefined : tryTrust(options.trust);
  if (options.trust !== undefined && !trust) return 2;
  const corrections = options.corrections.map(tryText);
  if (!corrections.every((text) => text !== undefined)) return 2;
  const outcomes = options.files.map((file, i): Outcome => {
    const bytes = tryRead(file);
    if (!bytes) {
      if (options.json) process.stdout.write(renderJson(file, { verdict: 'not-provable', steps: [] }));
      return 'not-provable';
    }
    const [said, outcome] = report(file, checkFile(bytes, trust, corrections), trust !== undefined, options.json);
    process.stdout.write(!options.json && i > 0 ? `\n${said}` : said);
    return outcome;
  });
  return exitCodeOf(outcomes);
}

// A reader that has seen enough, such as `head`, closes the pipe.
process.stdout.on('error', () => process.exit());
process.exitCode = main();
