/**
 * The agent's side of a radio that runs as a process of its own (`radio-child.ts`). Whatever becomes of that process, keys,
 * database and outbox live on here: it is started again after growing pauses, every device counts as lost in between,
 * and an indication that was not confirmed is offered again by the device.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Fault } from '../protocol/fault.ts';
import type { Bond, KeptBonds } from './radio/bond-store.ts';
import type { ClockEvent } from './radio/device-clock.ts';
import type { TransportClock } from './radio/hci-transport.ts';
import type { LinkChange, RadioDevice, RadioNotification } from './radio/radio-events.ts';
import type { Radio, RadioOptions } from './radio/radio-options.ts';
import type { CursorKey } from './radio/record-progress.ts';
import { type Channel, openChannel } from './radio-channel.ts';
import type { ChildSettings, ListenSettings } from './radio-child.ts';
import { CROSSINGS, type CrossingName, questionOf, type Remembered } from './radio-crossing.ts';
import type { KeptCursors, KeptUsers, RememberedUser } from './radio-mirror.ts';

const CHILD = fileURLToPath(new URL('./radio-child.ts', import.meta.url));

export interface RadioHostOptions extends ChildSettings {
  /** Real time, where the controller brings none of its own. */
  readonly clock: TransportClock;
  readonly onRecordingStopped?: (why: 'full' | 'failed') => void;
  /** First and longest pause before the process is started again; doubled by each end in a row. 250 ms and 30 s. */
  readonly restartMs?: { readonly first: number; readonly longest: number };
  /** A process that answers nothing for so long is ended; 30 s. */
  readonly hangMs?: number;
  /** Arguments for Node itself, such as a limit on its memory. */
  readonly execArgv?: readonly string[];
}

/** As for `openRadio`, with a memory that can be handed to the process. */
export type HostedRadioOptions = Omit<RadioOptions, 'transport' | 'cursors' | 'users' | 'bonds'> & {
  readonly cursors?: KeptCursors;
  readonly users?: KeptUsers;
  readonly bonds?: KeptBonds;
};

/** Stands where an open transport would. */
export interface RadioHost {
  readonly clock: TransportClock;
  /** How often the process ended by itself. */
  readonly ended: number;
  /** Process id while there is one. */
  readonly pid: number | undefined;
  /**
   * As `openRadio`, once. `wanted`: addresses that are connected to at first sight; the first sight of any other device
   * only asks, and its next advertisement connects.
   */
  listen(options: HostedRadioOptions, wanted?: readonly string[]): Radio;
  /** Ends links, process and all, within two seconds. */
  close(): Promise<void>;
}

/** A process that ran so long starts again at once, however often it ended before. */
const SOUND_MS = 60_000;
/** The process closes its links within a second; a native socket takes another to let go. */
const CLOSE_MS = 1_800;
/** As shells have it for a command that cannot be run. */
const EXIT_NOT_STARTED = 126;
/** Answers kept for the next process. */
const MOST_REMEMBERED = 1_000;

/** Starts the process; resolves when its controller is open. Throws {@link Fault} `unavailable` with what to do. */
export async function openRadioHost(options: RadioHostOptions): Promise<RadioHost> {
  const host = new Host(options);
  try {
    await host.start();
  } catch (error) {
    await host.close();
    throw error;
  }
  return host;
}

class Host implements RadioHost {
  readonly clock: TransportClock = { now: () => this.#simulatedAt ?? this.#options.clock.now() };
  ended = 0;
  readonly #options: RadioHostOptions;
  #child: ChildProcess | undefined;
  #channel: Channel | undefined;
  #radio: HostedRadioOptions | undefined;
  #wanted: readonly string[] = [];
  #simulatedAt: number | undefined;
  #fallsInARow = 0;
  #hasRun = false;
  #timer: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  /** Devices that are not lost, as far as was told. */
  readonly #linked = new Set<string>();
  /** Connections of each device to all processes before this one, and to this one. */
  readonly #connections = new Map<string, { before: number; now: number }>();
  readonly #remembered = new Map<string, Remembered>();

  constructor(options: RadioHostOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    const { hci, btsnoop, zone } = this.#options;
    const child = this.#fork();
    const startedAt = performance.now();
    let isOpen = false;
    const channel = openChannel({
      port: child,
      handlers: this.#handlers(),
      onAt: (at) => {
        this.#simulatedAt = at;
      },
    });
    this.#child = child;
    this.#channel = channel;
    let isOver = false;
    const over = (code: number) => {
      if (isOver) return;
      isOver = true;
      channel.end();
      this.#child = undefined;
      this.#fell(code, isOpen ? performance.now() - startedAt : undefined);
    };
    child.on('error', () => {
      // A process that the system did not start has no exit; what cannot be sent to one is noticed by its exit.
      if (child.pid === undefined) over(EXIT_NOT_STARTED);
    });
    child.once('exit', (code, signal) => over(code ?? 128 + constants.signals[signal!]));
    const settings: ChildSettings = {
      hci,
      ...(btsnoop !== undefined && { btsnoop }),
      ...(zone !== undefined && { zone }),
    };
    await channel.call('open', settings);
    isOpen = true;
    this.#hasRun = true;
    this.#watchOver(child, channel);
    if (this.#radio) await this.#tellToListen(this.#radio);
  }

  #fork(): ChildProcess {
    try {
      // It prints nothing that it should not, because it prints nothing; and it needs nothing of our environment.
      return fork(CHILD, [], {
        serialization: 'advanced',
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
        env: {},
        execArgv: [...(this.#options.execArgv ?? [])],
      });
    } catch {
      this.#fell(EXIT_NOT_STARTED, undefined);
      throw new Fault('unavailable', 'the system does not start the radio process', 'later');
    }
  }

  listen(options: HostedRadioOptions, wanted: readonly string[] = []): Radio {
    this.#radio = options;
    this.#wanted = wanted;
    // A process that just ended is told by the next start.
    this.#tellToListen(options).catch(() => undefined);
    return {
      // What a process that ended had not handed on is not to be had any more.
      delivered: async () => void (await this.#channel?.call('delivered').catch(() => undefined)),
      disconnect: (address) => this.#channel?.tell('disconnect', address),
      unbond: (address) => {
        // Here too, for there may be no process to forget it.
        options.bonds?.remove(address.toLowerCase());
        this.#channel?.tell('unbond', address);
      },
      close: () => this.close(),
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    const child = this.#child;
    if (!child) return;
    const exited = once(child, 'exit');
    const patience = setTimeout(() => child.kill('SIGKILL'), CLOSE_MS);
    await this.#channel?.call('close').catch(() => undefined);
    this.#lose('closed');
    if (child.connected) child.disconnect();
    await exited;
    clearTimeout(patience);
  }

  async #tellToListen(options: HostedRadioOptions): Promise<void> {
    const names = Object.keys(CROSSINGS) as CrossingName[];
    const settings: ListenSettings = {
      callbacks: names.filter((name) => options[name] !== undefined),
      remembered: [...this.#remembered.values()],
      ...(options.maxLinks !== undefined && { maxLinks: options.maxLinks }),
      ...(options.cursors && { cursors: options.cursors.all() }),
      ...(options.users && { users: options.users.all() }),
      ...(options.bonds && { bonds: options.bonds.all() }),
      wanted: this.#wanted,
      ...(options.timings && { timings: options.timings }),
    };
    await this.#channel?.call('listen', settings);
  }

  /** What the process may call: every callback of the radio, some with what only this side knows. */
  #handlers(): Record<string, (...args: never[]) => unknown> {
    const names = Object.keys(CROSSINGS) as CrossingName[];
    const callbacks = names.map((name) => {
      const ask = (...args: never[]) => (this.#radio?.[name] as ((...args: never[]) => unknown) | undefined)?.(...args);
      return [name, typeof CROSSINGS[name] === 'object' ? this.#remembering(name, ask) : ask];
    });
    return {
      ...Object.fromEntries(callbacks),
      onDevice: (device: RadioDevice) => {
        const connection = this.#connectionOf(device.id, device.connection);
        this.#radio?.onDevice({ ...device, connection });
      },
      onNotification: (heard: RadioNotification) => {
        const { device, value, uptimeMs } = heard;
        // Both processes count by the machine's clock; the agent began to count when it says.
        const began = Number(process.hrtime.bigint()) / 1e6 - (this.#radio?.uptime() ?? 0);
        return this.#radio?.onNotification({
          ...heard,
          connection: this.#connectionOf(device, heard.connection),
          value: Uint8Array.from(value),
          uptimeMs: uptimeMs - began,
        });
      },
      onLink: (change: LinkChange) => {
        if (change.state === 'lost') this.#linked.delete(change.device);
        else this.#linked.add(change.device);
        this.#radio?.onLink(change);
      },
      onClock: (event: ClockEvent) =>
        this.#radio?.onClock?.({ ...event, connection: this.#connectionOf(event.device, event.connection) }),
      userAdded: this.#keeping((...added: RememberedUser) => this.#radio?.users?.add(...added)),
      bondPut: this.#keeping((bond: Bond) => this.#radio?.bonds?.put(bond)),
      bondRemoved: this.#keeping((device: string) => this.#radio?.bonds?.remove(device)),
      cursorChanged: this.#keeping((key: CursorKey, number: number | undefined) =>
        this.#radio?.cursors?.write(key, number),
      ),
      recordingStopped: (why: 'full' | 'failed') => this.#options.onRecordingStopped?.(why),
    };
  }

  /** What cannot be kept is known to the process until its end; nothing that was heard is lost by it. */
  #keeping<A extends readonly unknown[]>(keep: (...args: A) => void) {
    return (...args: A) => {
      try {
        keep(...args);
      } catch {
        this.#radio?.log?.({ event: 'not-kept' });
      }
    };
  }

  #remembering(name: CrossingName, ask: (...args: never[]) => unknown) {
    return (...args: never[]) => {
      const answer = ask(...args);
      const question = questionOf(args);
      this.#remembered.delete(`${name} ${question}`);
      if (answer) this.#remembered.set(`${name} ${question}`, [name, question, answer]);
      if (this.#remembered.size > MOST_REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value!);
      return answer;
    };
  }

  /** Connections are numbered over all processes. */
  #connectionOf(device: string, connection: number): number {
    const count = this.#connections.get(device) ?? { before: 0, now: 0 };
    count.now = Math.max(count.now, connection);
    this.#connections.set(device, count);
    return count.before + connection;
  }

  /** The process ended; `ranMs` is undefined when it could not even open its controller. */
  #fell(code: number, ranMs: number | undefined): void {
    clearInterval(this.#watch);
    if (this.#closing || !this.#hasRun) return;
    const { first, longest } = this.#options.restartMs ?? { first: 250, longest: 30_000 };
    this.#fallsInARow = ranMs !== undefined && ranMs > SOUND_MS ? 1 : this.#fallsInARow + 1;
    if (ranMs !== undefined) {
      this.ended++;
      this.#radio?.log?.({ event: 'radio-ended', code, count: this.ended });
    }
    this.#lose('radio ended');
    for (const count of this.#connections.values()) {
      count.before += count.now;
      count.now = 0;
    }
    const pauseMs = Math.min(longest, first * 2 ** Math.min(this.#fallsInARow - 1, 16));
    this.#timer = setTimeout(() => {
      this.start().then(
        () => this.#radio?.log?.({ event: 'radio-started-again', count: this.ended }),
        // The controller is not there, or the process ended again: one end, one next try.
        () => void this.#child?.kill('SIGKILL'),
      );
    }, pauseMs);
  }

  #lose(reason: string): void {
    const at = this.clock.now();
    for (const device of this.#linked) this.#radio?.onLink({ device, state: 'lost', at, reason });
    this.#linked.clear();
  }

  #watchOver(child: ChildProcess, channel: Channel): void {
    const hangMs = this.#options.hangMs ?? 30_000;
    let answeredAt = performance.now();
    clearInterval(this.#watch);
    this.#watch = setInterval(() => {
      if (performance.now() - answeredAt > hangMs) child.kill('SIGKILL');
      channel.call('answer').then(
        () => {
          answeredAt = performance.now();
        },
        () => undefined,
      );
    }, hangMs / 6);
  }
}
