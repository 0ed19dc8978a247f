/**
 * {@link HciTransport} over an HCI socket of the kernel, of either kind. On a raw channel the kernel keeps its own stack
 * beside ours: it resets the adapter, keeps to the credits of commands, and answers L2CAP for its sockets; its SMP sees
 * the same packets, so devices that must be bonded are not supported there. On a user channel the adapter is ours
 * alone, and all of that is done here.
 */
import { EventEmitter } from 'node:events';
import { Fault } from '../../protocol/fault.ts';
import { type CommandCredits, createCommandCredits, RESET } from './command-credits.ts';
import { answerParameterRequest } from './connection-parameters.ts';
import { H4_ACL_DATA, H4_COMMAND, H4_EVENT } from './h4-framing.ts';
import type { HciTransport, TransportClock } from './hci-transport.ts';
import { explainSocket } from './native-trouble.ts';

/** What is used of the native socket. It emits `data` with one H4 packet, and `error` when a system call failed. */
export interface HciSocket extends EventEmitter {
  /** The adapter's number. Throws, or emits `error` and gives undefined, when that is not possible. */
  bindRaw(adapter?: number): number | undefined;
  bindUser(adapter?: number): number | undefined;
  start(): void;
  /** For good: the socket is closed. May take a second. */
  stop(): void;
  /** Of a raw channel; a user channel does not tell. */
  isDevUp(): boolean;
  setFilter(filter: Buffer): void;
  write(packet: Buffer): void;
}

export interface HciSocketOptions {
  /** Called again after an outage. */
  readonly createSocket: () => HciSocket;
  readonly channel: 'raw' | 'user';
  /** hciN; the first that is up where it is left out. */
  readonly adapter?: number;
  readonly clock: TransportClock;
}

const REOPEN_AFTER_MS = 1_000;
const RESET_TIMEOUT_MS = 5_000;

/** Opens the adapter. Throws {@link Fault} `unavailable`, which says what to do. */
export async function openHciSocketTransport(options: HciSocketOptions): Promise<HciTransport> {
  const transport = new HciSocketTransport(options);
  try {
    await transport.open();
  } catch (error) {
    await transport.close();
    throw error;
  }
  return transport;
}

class HciSocketTransport extends EventEmitter implements HciTransport {
  readonly clock: TransportClock;
  readonly #options: HciSocketOptions;
  readonly #commands: CommandCredits = createCommandCredits((command) => this.#send(command));
  #socket: HciSocket | undefined;
  #adapter = 0;
  #filter: Buffer | undefined;
  #started = false;
  #up = false;
  #outageUnseen = false;
  #closed = false;
  #onReset: (() => void) | undefined;
  #reopening: NodeJS.Timeout | undefined;

  constructor(options: HciSocketOptions) {
    super();
    this.#options = options;
    this.clock = options.clock;
  }

  async open(): Promise<void> {
    const { createSocket, channel, adapter } = this.#options;
    const socket = createSocket();
    let failure: unknown;
    socket.on('error', (error: unknown) => {
      failure ??= error;
      if (this.#socket === socket) this.#fail(error);
    });
    try {
      const bound = channel === 'user' ? socket.bindUser(adapter) : socket.bindRaw(adapter);
      if (failure !== undefined || bound === undefined) throw failure;
      this.#adapter = bound;
    } catch (error) {
      release(socket);
      throw explainSocket(error, channel, adapter);
    }
    if (channel === 'raw' && !socket.isDevUp()) {
      release(socket);
      throw explainSocket('down', channel, this.#adapter);
    }
    this.#socket = socket;
    socket.on('data', (packet: Buffer) => {
      if (this.#socket === socket) this.#receive(packet);
    });
    if (channel === 'raw' && this.#filter) socket.setFilter(this.#filter);
    socket.start();
    if (channel === 'user') await this.#reset();
    this.#up = true;
  }

  /** A user channel gets the adapter as it was left. */
  async #reset(): Promise<void> {
    this.#commands.clear();
    const answered = Promise.withResolvers<void>();
    this.#onReset = answered.resolve;
    const timer = setTimeout(() => {
      answered.reject(new Fault('unavailable', `the adapter hci${this.#adapter} does not answer`, 'later'));
    }, RESET_TIMEOUT_MS);
    this.#commands.push(RESET);
    try {
      await answered.promise;
    } finally {
      clearTimeout(timer);
      this.#onReset = undefined;
    }
  }

  /** It is bound; noble would take the first adapter. */
  bindRaw(): number {
    return this.#adapter;
  }

  bindUser(): number {
    return this.#adapter;
  }

  start(): void {
    this.#started = true;
  }

  stop(): void {
    this.#started = false;
  }

  isDevUp(): boolean {
    if (this.#up && this.#options.channel === 'raw' && !this.#socket?.isDevUp()) this.#lose();
    if (!this.#outageUnseen) return this.#up;
    this.#outageUnseen = false;
    return false;
  }

  setFilter(filter: Buffer): void {
    this.#filter = filter;
    // A user channel has no filter and says so with an error.
    if (this.#options.channel === 'raw') this.#socket?.setFilter(filter);
  }

  reset(): void {
    this.write(RESET);
  }

  getDeviceList(): { devId: number; devUp: boolean }[] {
    return [{ devId: this.#adapter, devUp: this.#up }];
  }

  write(packet: Buffer): void {
    if (!this.#socket || packet.length === 0) return;
    if (this.#options.channel === 'user' && packet[0] === H4_COMMAND) this.#commands.push(packet);
    else this.#send(packet);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#up = false;
    this.#started = false;
    clearTimeout(this.#reopening);
    this.#drop();
  }

  #send(packet: Buffer): void {
    try {
      this.#socket?.write(packet);
    } catch (error) {
      this.#fail(error);
    }
  }

  #receive(packet: Buffer): void {
    if (this.#closed) return;
    if (packet[0] === H4_EVENT) {
      const isReset = this.#commands.see(packet);
      if (isReset && this.#onReset) {
        this.#onReset();
        return;
      }
      // Not ours: the kernel resets an adapter when it comes up, so it was down, however short.
      if (isReset && this.#options.channel === 'raw') this.#outageUnseen = true;
    } else if (packet[0] !== H4_ACL_DATA) {
      return;
    } else if (this.#options.channel === 'user' && answerParameterRequest(packet, (answer) => this.write(answer))) {
      return;
    }
    if (this.#started) this.emit('data', packet);
  }

  #fail(error: unknown): void {
    if (this.#started && this.listenerCount('error') > 0) this.emit('error', error);
    this.#lose();
  }

  /** The adapter is gone or down; it is looked for until it is back. */
  #lose(): void {
    if (!this.#up) return;
    this.#up = false;
    this.#outageUnseen = true;
    this.#drop();
    this.#reopenLater();
  }

  #reopenLater(): void {
    if (this.#closed) return;
    this.#reopening = setTimeout(() => {
      this.open().catch(() => {
        this.#drop();
        this.#reopenLater();
      });
    }, REOPEN_AFTER_MS);
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.stop();
  }
}

/** The addon closes a socket only where its thread ends, and has no other way to close one that was never started. */
function release(socket: HciSocket): void {
  try {
    socket.start();
    socket.stop();
  } catch {
    // There was none.
  }
}
