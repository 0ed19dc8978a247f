/** The ledger writer as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { until } from '../support/until.ts';

const MAIN = fileURLToPath(new URL('../../ledger-writer/main.ts', import.meta.url));

export interface WriterProcess {
  readonly child: ChildProcess;
  output(): string;
  /** Ends it, and waits for the end. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null>;
}

/** Resolves once it follows the commitments; rejects with what it said when it ends before. */
export async function startWriter(data: string, ...args: string[]): Promise<WriterProcess> {
  const child = spawn(process.execPath, [MAIN, '--data', data, '--interval', '20', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {},
  });
  const closed = once(child, 'close');
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  await until('the writer follows', async () => {
    if (child.exitCode !== null) {
      await closed;
      throw new Error(output);
    }
    return output.includes('following');
  });
  return {
    child,
    output: () => output,
    end: async (signal) => {
      child.kill(signal);
      await closed;
      return child.exitCode;
    },
  };
}
