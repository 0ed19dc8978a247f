/** `npm run decode`: decodes GATT values from standard input to standard output, as NDJSON. */
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { decodeLines } from './decode.ts';

const HELP = `Decodes values of Bluetooth health characteristics.

  npm run -s decode < values.ndjson

Reads lines of {"characteristic": "2A37", "hex": "06aa"}; the characteristic is a 16-bit UUID in hex, or SFLOAT, FLOAT,
CRC16, or for advertised data FCD2-adv, 181D-adv, 181B-adv or 006B-adv. "direction": "request" or "response" says who
sent a value of 2A52; without it, its op code does. "profile": "beurer-cuff", or "Beurer BM85", reads bytes that break the
standard as the devices of that profile mean them. Writes one line for each: the decoded fields, or {"error": code}.

  --help   show this text
`;

/** Returns the exit code. */
async function main(): Promise<number> {
  try {
    const { values } = parseArgs({ options: { help: { type: 'boolean' } } });
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
  } catch (error) {
    const [reason] = (error as Error).message.split(/\. |\n/);
    process.stderr.write(`decode: ${reason}; see --help\n`);
    return 2;
  }
  try {
    await pipeline(process.stdin.setEncoding('utf8'), decodeLines, process.stdout);
    return 0;
  } catch (error) {
    // A reader that has seen enough, such as `head`, closes the pipe.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return 0;
    process.stderr.write('decode: standard input could not be read\n');
    return 1;
  }
}

process.exitCode = await main();
