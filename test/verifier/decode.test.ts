import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { decodeLine, decodeLines, MAX_LINE } from '../../verifier/decode.ts';

const MAIN = new URL('../../verifier/decode-main.ts', import.meta.url).pathname;

async function decode(args: string[], input: string) {
  const child = spawn(process.execPath, [MAIN, ...args]);
  const code = new Promise<number | null>((resolve) => child.on('close', resolve));
  child.stdin.on('error', () => {}); // it may refuse its arguments before it reads
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}

async function answers(...chunks: string[]): Promise<string> {
  async function* stream() {
    yield* chunks;
  }
  let all = '';
  for await (const answer of decodeLines(stream())) all += answer;
  return all;
}

describe('decodeLine', () => {
  it.each([
    ['{"characteristic":"2A1C","hex":"00c80000fe"}', /"value":2\.00,/],
    ['{"characteristic":"sfloat","hex":"14f0"}', /^\{"value":2\.0\}$/],
    ['{"characteristic":"SFLOAT","hex":"ff07"}', /^\{"value":"NaN"\}$/],
    ['{"characteristic":"2A19","hex":"2C","more":1}', /^\{"percent":44\}$/],
    ['{"characteristic":"2B00","hex":"00"}', /^\{"error":"unknown-characteristic"\}$/],
    ['{"characteristic":"02A37","hex":"00"}', /^\{"error":"unknown-characteristic"\}$/],
    ['{"characteristic":"constructor","hex":"00"}', /^\{"error":"unknown-characteristic"\}$/],
    ['{"characteristic":"2A37","hex":"0"}', /^\{"error":"bad-hex"\}$/],
    ['{"characteristic":"2A37","hex":"0 aa"}', /^\{"error":"bad-hex"\}$/],
    ['{"characteristic":10807,"hex":"00aa"}', /^\{"error":"malformed"\}$/],
    ['{"characteristic":"2A37"}', /^\{"error":"malformed"\}$/],
    ['["2A37","00aa"]', /^\{"error":"malformed"\}$/],
    ['null', /^\{"error":"malformed"\}$/],
    ['', /^\{"error":"malformed"\}$/],
  ])('%s', (line, expected) => {
    expect(decodeLine(line)).toMatch(expected);
  });
});

describe('decodeLines', () => {
  const line = '{"characteristic":"2A19","hex":"2c"}';
  it('answers one line for each, however the input is cut', async () => {
    const want = '{"percent":44}\n{"error":"malformed"}\n{"percent":44}\n';
    expect(await answers(`${line}\n\n${line}\n`)).toBe(want);
    expect(await answers(...`${line}\n\n${line}`)).toBe(want);
    expect(await answers(`${line}\r\n\r\n${line}`)).toBe(want);
    expect(await answers('')).toBe('');
  });

  it('answers an endless line as malformed and goes on', async () => {
    const filler = ' '.repeat(MAX_LINE);
    expect(await answers(filler, filler, filler, `\n${line}\n`)).toBe('{"error":"malformed"}\n{"percent":44}\n');
  });
});

describe('npm run decode', () => {
  it('decodes standard input', async () => {
    const input = '{"characteristic":"2a37","hex":"06aa"}\nnot json\n';
    const { code, stdout, stderr } = await decode([], input);
    expect(stdout.split('\n')).toEqual([
      '{"heartRate":170,"contactSupported":true,"contactDetected":true,"energyKJ":null,"rr1024":[],"unknownOctets":0}',
      '{"error":"malformed"}',
      '',
    ]);
    expect([code, stderr]).toEqual([0, '']);
  });

  it('explains itself, and refuses what it does not know in one line', async () => {
    expect(await decode(['--help'], '')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('npm run -s decode'),
    });
    for (const argument of ['--fast', 'file.ndjson', '--help=1']) {
      const { code, stdout, stderr } = await decode([argument], '');
      expect([code, stdout, stderr.trimEnd().split('\n').length]).toEqual([2, '', 1]);
    }
  });
});
