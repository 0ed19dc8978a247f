/** A witness as another party runs it: a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseWitnessKey, type WitnessKey } from '../../../protocol/cosignature.ts';
import { until } from '../../support/until.ts';

const MAIN = fileURLToPath(new URL('../../../ledger-writer/witness/main.ts', import.meta.url));

export interface WitnessProcess {
  readonly url: string;
  readonly key: WitnessKey;
  readonly vkey: string;
  readonly child: ChildProcess;
  output(): string;
  /** Ends it, and waits for the end. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null>;
}

export interface WitnessOptions {
  readonly data: string;
  readonly log: string;
  readonly name: string;
  readonly port?: number;
}

export async function startWitness({ data, log, name, port = 0 }: WitnessOptions): Promise<WitnessProcess> {
  const args = ['--data', data, '--log', log, '--name', name, '--port', String(port), '--json'];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: {} });
  const closed = once(child, 'close');
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  await until('the witness listens', async () => {
    if (child.exitCode !== null) {
      await closed;
      throw new Error(output);
    }
    return output.startsWith('{') && output.includes('\n');
  });
  const { vkey, url } = JSON.parse(output.split('\n')[0]!) as { vkey: string; url: string };
  return {
    url,
    vkey,
    key: parseWitnessKey(vkey),
    child,
    output: () => output,
    end: async (signal) => {
      child.kill(signal);
      await closed;
      return child.exitCode;
    },
  };
}
