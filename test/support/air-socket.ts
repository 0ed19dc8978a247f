/** A virtual controller behind the surface of the kernel's HCI socket, of either channel. */
import { EventEmitter } from 'node:events';
import type { HciSocket } from '../../edge-agent/radio/hci-socket-transport.ts';
import type { VirtualController } from '../../simulators/hci/virtual-controller.ts';
import { openVirtualTransport, type VirtualTransport } from '../../simulators/hci/virtual-transport.ts';

const ENODEV = 19;
const ENETDOWN = 100;
const EBADFD = 77;

/** An adapter of an imaginary kernel: sockets come and go, and with them who hears the controller. */
export class Adapter {
  powered = true;
  /** What the next binds say instead of succeeding, as `strerror` does. */
  refusal: string | undefined;
  readonly sockets: AirSocket[] = [];
  readonly controller: VirtualController;

  constructor(controller: VirtualController) {
    this.controller = controller;
  }

  readonly createSocket = (): HciSocket => {
    const socket = new AirSocket(this);
    this.sockets.push(socket);
    return socket;
  };

  /** Time of the packet that is being handled. */
  readonly clock = { now: () => this.sockets.at(-1)?.transport?.clock.now() ?? this.controller.clock.now() };
}

class AirSocket extends EventEmitter implements HciSocket {
  readonly #adapter: Adapter;
  transport: VirtualTransport | undefined;
  channel: 'raw' | 'user' | undefined;
  filters = 0;

  constructor(adapter: Adapter) {
    super();
    this.#adapter = adapter;
  }

  bindRaw(adapter = 0): number | undefined {
    return this.#bind('raw', adapter);
  }

  bindUser(adapter = 0): number | undefined {
    return this.#bind('user', adapter);
  }

  #bind(channel: 'raw' | 'user', adapter: number): number | undefined {
    const { refusal, powered, controller } = this.#adapter;
    if (refusal !== undefined) throw new Error(refusal);
    if (!powered) {
      this.emit('error', Object.assign(new Error('No such device'), { errno: ENODEV, syscall: 'bind' }));
      return undefined;
    }
    this.channel = channel;
    this.transport = openVirtualTransport(controller);
    return adapter;
  }

  start(): void {
    this.transport?.on('data', (packet: Buffer) => this.emit('data', packet));
    this.transport?.start();
  }

  stop(): void {
    void this.transport?.close();
  }

  isDevUp(): boolean {
    // An ioctl of a user channel is EBADFD, which the addon gives as false (net/bluetooth/hci_sock.c).
    return this.channel === 'raw' && this.#adapter.powered;
  }

  setFilter(): void {
    this.filters++;
    if (this.channel === 'user') this.emit('error', Object.assign(new Error('setsockopt'), { errno: EBADFD }));
  }

  write(packet: Buffer): void {
    if (this.#adapter.powered) this.transport?.write(packet);
    else this.emit('error', Object.assign(new Error('Network is down'), { errno: ENETDOWN, syscall: 'write' }));
  }
}
