/**
 * {@link HciTransport} over any byte stream that carries H4. It plays for noble the part that the kernel plays on a raw
 * channel: it resets the controller, keeps to its command credits and answers connection parameter requests.
 */
import { EventEmitter, once } from 'node:events';
import type { Socket } from 'node:net';
import { type CommandCredits, createCommandCredits, RESET } from './command-credits.ts';
import { answerParameterRequest } from './connection-parameters.ts';
import { H4_ACL_DATA, H4_COMMAND, H4_EVENT, H4Splitter } from './h4-framing.ts';
import type { HciTransport, TransportClock } from './hci-transport.ts';

const VENDOR_EVENT = 0xff;
/** First octet of the vendor event that stamps what follows with simulated time: `V`, then u64 LE milliseconds. */
const STAMP_SUBEVENT = 0x56;
const STAMP_LENGTH = 3 + 9;

/** How long to wait before a lost stream is opened again, and for the answer to the reset. */
const REOPEN_AFTER_MS = 1_000;
const RESET_TIMEOUT_MS = 5_000;

export interface H4TransportOptions {
  /** Opens the stream; called again after it was lost. */
  readonly connect: () => Socket;
  /** Used until the controller sends a stamp; a controller that stamps brings its own time. */
  readonly clock: TransportClock;
}

/** Opens a transport; resolves once the controller has answered the reset. Rejects when it cannot be reached. */
export async function openH4Transport(options: H4TransportOptions): Promise<HciTransport> {
  const transport = new H4Transport(options);
  try {
    await transport.open();
  } catch (error) {
    await transport.close();
    throw error;
  }
  return transport;
}

class H4Transport extends EventEmitter implements HciTransport {
  readonly clock: TransportClock;
  readonly #connect: () => Socket;
  #socket: Socket | undefined;
  #started = false;
  #closed = false;
  #up = false;
  #outageUnseen = false;
  readonly #commands: CommandCredits = createCommandCredits((command) => void this.#socket?.write(command));
  #stamp: number | undefined;
  #reopening: NodeJS.Timeout | undefined;

  constructor(options: H4TransportOptions) {
    super();
    this.#connect = options.connect;
    this.clock = { now: () => this.#stamp ?? options.clock.now() };
  }

  /** Connects and resets the controller. */
  async open(): Promise<void> {
    const socket = this.#connect();
    const timer = setTimeout(() => socket.destroy(new Error('the controller does not answer')), RESET_TIMEOUT_MS);
    const splitter = new H4Splitter((packet) => this.#receive(packet));
    this.#socket = socket;
    this.#commands.clear();
    socket.on('data', (chunk: Buffer) => {
      if (!splitter.push(chunk)) socket.destroy(new Error('not H4'));
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#lose());
    try {
      await once(socket, 'connect');
      this.write(RESET);
      const answered = new Promise<void>((resolve, reject) => {
        this.#onReset = resolve;
        socket.once('close', () => reject(new Error('the controller closed the stream')));
      });
      await answered;
    } finally {
      clearTimeout(timer);
    }
  }

  #onReset: (() => void) | undefined;

  bindRaw(deviceId?: number): number {
    return deviceId ?? 0;
  }

  bindUser(deviceId?: number): number {
    return deviceId ?? 0;
  }

  start(): void {
    this.#started = true;
  }

  stop(): void {
    this.#started = false;
  }

  isDevUp(): boolean {
    if (this.#outageUnseen) {
      this.#outageUnseen = false;
      return false;
    }
    return this.#up;
  }

  setFilter(_filter: Buffer): void {}

  reset(): void {
    this.write(RESET);
  }

  getDeviceList(): { devId: number; devUp: boolean }[] {
    return [{ devId: 0, devUp: this.#up }];
  }

  write(packet: Buffer): void {
    if (!this.#socket?.writable) return;
    if (packet[0] === H4_COMMAND) {
      this.#commands.push(packet);
    } else {
      this.#socket.write(packet);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#started = false;
    clearTimeout(this.#reopening);
    const socket = this.#socket;
    if (!socket || socket.closed) return;
    const closed = once(socket, 'close');
    socket.destroy();
    await closed;
  }

  #receive(packet: Buffer): void {
    if (packet[0] === H4_EVENT) {
      if (packet[1] === VENDOR_EVENT) {
        // Ours or a stranger's: noble knows no vendor events.
        if (packet.length === STAMP_LENGTH && packet[3] === STAMP_SUBEVENT) {
          this.#stamp = Number(packet.readBigUInt64LE(4));
        }
        return;
      }
      // Of the reset at the opening; noble's own is an event like any other.
      if (this.#commands.see(packet) && !this.#up) {
        this.#up = true;
        this.#onReset?.();
      }
    } else if (packet[0] !== H4_ACL_DATA || answerParameterRequest(packet, (answer) => this.write(answer))) {
      return;
    }
    if (this.#started && !this.#closed) this.emit('data', packet);
  }

  #fail(error: Error): void {
    if (this.#started && !this.#closed && this.listenerCount('error') > 0) this.emit('error', error);
  }

  #lose(): void {
    if (this.#up) this.#outageUnseen = true;
    else if (!this.#reopening) return;
    this.#up = false;
    if (this.#closed) return;
    this.#reopening = setTimeout(() => {
      // A failure ends in another 'close', which comes back here.
      this.open().catch(() => undefined);
    }, REOPEN_AFTER_MS);
  }
}
