/**
 * Calls between the agent and its radio process, both ways, by name. What is said within one turn of the event loop
 * travels as one message, in order; arguments and answers are structured clones. Of what goes wrong only fault codes
 * and our own texts cross.
 */
import { Fault, type FaultCode, isFault } from '../protocol/fault.ts';

/** The end of an IPC channel: a `ChildProcess`, or `process` in the child. */
export interface Port {
  send?(message: Packet, done: (error: Error | null) => void): boolean;
  on(event: 'message', take: (packet: unknown) => void): unknown;
}

interface Packet {
  /** Simulated time at which it was sent, where the sender has such a time. */
  readonly at: number | undefined;
  readonly said: readonly Message[];
}

type Message =
  | { readonly kind: 'tell'; readonly name: string; readonly args: readonly unknown[] }
  | { readonly kind: 'call'; readonly id: number; readonly name: string; readonly args: readonly unknown[] }
  | { readonly kind: 'done'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly fault: Told | undefined };

interface Told {
  readonly code: FaultCode;
  readonly message: string;
  readonly retry: Fault['retry'];
}

/** What the other side may call. Arguments are what it says they are: both sides are one program. */
export type Handlers = Readonly<Record<string, (...args: never[]) => unknown>>;

export interface Channel {
  /** Resolves with the answer; rejects with the other side's {@link Fault}, or `unavailable` when the channel has ended. */
  call(name: string, ...args: readonly unknown[]): Promise<unknown>;
  /** Says it and expects no answer. */
  tell(name: string, ...args: readonly unknown[]): void;
  /** Sends what was said, or nothing but the time. Resolves when the system has it. */
  flush(): Promise<void>;
  /** Rejects what is open and sends nothing more. */
  end(): void;
}

export interface ChannelOptions {
  readonly port: Port;
  readonly handlers: Handlers;
  /** Sent with everything that is said. */
  readonly at?: () => number | undefined;
  /** Called with it, before anything that was said then. */
  readonly onAt?: (at: number) => void;
}

export function openChannel({ port, handlers, at, onAt }: ChannelOptions): Channel {
  const open = new Map<number, { resolve(value: unknown): void; reject(fault: Fault): void }>();
  let said: Message[] = [];
  let scheduled: NodeJS.Immediate | undefined;
  let nextId = 0;
  let ended = false;

  port.on('message', (packet) => {
    if (ended) return;
    const { at: sentAt, said: heard } = packet as Packet;
    if (sentAt !== undefined) onAt?.(sentAt);
    for (const message of heard) take(message);
  });

  function take(message: Message): void {
    switch (message.kind) {
      case 'tell':
        handlers[message.name]?.(...(message.args as never[]));
        break;
      case 'call':
        void answer(message.id, message.name, message.args);
        break;
      case 'done':
        settle(message.id)?.resolve(message.value);
        break;
      case 'failed': {
        const { code = 'unavailable', message: text = 'the call failed', retry } = message.fault ?? {};
        settle(message.id)?.reject(new Fault(code, text, retry));
      }
    }
  }

  async function answer(id: number, name: string, args: readonly unknown[]): Promise<void> {
    try {
      say({ kind: 'done', id, value: await handlers[name]?.(...(args as never[])) });
    } catch (error) {
      const fault = isFault(error) ? { code: error.code, message: error.message, retry: error.retry } : undefined;
      say({ kind: 'failed', id, fault });
    }
  }

  function settle(id: number) {
    const call = open.get(id);
    open.delete(id);
    return call;
  }

  function say(message: Message): void {
    if (ended) return;
    said.push(message);
    scheduled ??= setImmediate(() => void flush());
  }

  function flush(): Promise<void> {
    clearImmediate(scheduled);
    scheduled = undefined;
    const packet = { at: at?.(), said };
    said = [];
    if (ended || (packet.at === undefined && packet.said.length === 0)) return Promise.resolve();
    return new Promise((resolve) => {
      try {
        // A channel that is gone is noticed by the end of the other process, not here.
        port.send?.(packet, () => resolve());
      } catch {
        resolve();
      }
    });
  }

  return {
    call(name, ...args) {
      if (ended) return Promise.reject(new Fault('unavailable', 'the radio process has ended', 'later'));
      return new Promise((resolve, reject) => {
        const id = nextId++;
        open.set(id, { resolve, reject });
        say({ kind: 'call', id, name, args });
      });
    },
    tell: (name, ...args) => say({ kind: 'tell', name, args }),
    flush,
    end() {
      ended = true;
      clearImmediate(scheduled);
      for (const { reject } of open.values()) reject(new Fault('unavailable', 'the radio process has ended', 'later'));
      open.clear();
    },
  };
}
