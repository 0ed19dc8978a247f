/** One of the three programs under test, as a real process that is started, harmed and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** How a program is started this time. */
export interface Launch {
  /** In front of node, such as strace with what it is to inject. */
  readonly under?: readonly string[];
  /** Modules that are loaded before the program: a clock that is wrong, or a defect that the suite has to catch. */
  readonly preload?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const READY_MS = 90_000;
const OUTPUT_KEPT = 4000;

export class Program {
  readonly name: string;
  readonly #args: () => readonly string[];
  readonly #ready: RegExp;
  #child: ChildProcess | undefined;
  #output = '';
  #onLine: (line: string) => void = () => undefined;

  /** `args`: the program's file and what follows; `ready`: what it prints when it works. */
  constructor(name: string, ready: RegExp, args: () => readonly string[]) {
    this.name = name;
    this.#ready = ready;
    this.#args = args;
  }

  /** Told each line of standard output. */
  onLine(tell: (line: string) => void): void {
    this.#onLine = tell;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get isReady(): boolean {
    return this.isRunning && this.#ready.test(this.#output);
  }

  /** The last that it said, for whoever has to find out what went wrong. */
  get output(): string {
    return this.#output.slice(-OUTPUT_KEPT);
  }

  start({ under = [], preload = [], environment = {} }: Launch = {}): void {
    if (this.isRunning) throw new Error(`the ${this.name} runs already`);
    const imports = preload.flatMap((path) => ['--import', fileURLToPath(new URL(path, import.meta.url))]);
    const [command, ...args] = [...under, process.execPath, ...imports, ...this.#args()];
    // A group of its own: strace is not the only one that has to end.
    const child = spawn(command!, args, {
      // The channel is nobody's to write to: when the suite falls, its end tells service and writer to stop.
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
      detached: true,
      env: { ...process.env, ...environment },
    });
    this.#child = child;
    this.#output = '';
    let rest = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#output = (this.#output + text).slice(-64 * 1024);
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) this.#onLine(line);
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
    });
    child.stdin!.on('error', () => undefined); // it ended; what was not answered is said again
    child.on('error', () => undefined);
    child.on('exit', (code, signal) => {
      this.#output += `\n(ended: ${signal ?? code})`;
    });
  }

  write(line: string): void {
    if (this.isRunning) this.#child!.stdin!.write(`${line}\n`);
  }

  /** False when it ended before it was ready. */
  async whenReady(): Promise<boolean> {
    for (const giveUpAt = Date.now() + READY_MS; Date.now() < giveUpAt; await pause(5)) {
      if (!this.isRunning) return false;
      if (this.#ready.test(this.#output)) return true;
    }
    throw new Error(`the ${this.name} is not ready after ${READY_MS} ms: ${this.output}`);
  }

  signal(signal: NodeJS.Signals): void {
    const pid = this.#child?.pid;
    if (pid === undefined || !this.isRunning) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // it ended meanwhile
    }
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (!child || !this.isRunning) return;
    const gone = once(child, 'exit');
    this.signal(signal);
    const patience = setTimeout(() => this.signal('SIGKILL'), 20_000);
    await gone;
    clearTimeout(patience);
  }
}
