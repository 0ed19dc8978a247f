/** One LE link inside the virtual controller: L2CAP frames to and from ACL fragments. */
import { encodeAcl } from './hci-packets.ts';
import type { CentralAddress, VirtualController } from './virtual-controller.ts';
import type { PeripheralLink, VirtualPeripheral } from './virtual-peripheral.ts';

/** Packet boundary flag of a continuing fragment (Core 5.2 Vol 4 Part E §5.4.2). */
const CONTINUING = 0b01;
const L2CAP_HEADER = 4;

export class Link implements PeripheralLink {
  readonly handle: number;
  readonly peripheral: VirtualPeripheral;
  readonly central: CentralAddress;
  readonly #controller: VirtualController;
  #partial: Buffer = Buffer.alloc(0);

  constructor(handle: number, peripheral: VirtualPeripheral, controller: VirtualController, central: CentralAddress) {
    this.handle = handle;
    this.peripheral = peripheral;
    this.#controller = controller;
    this.central = central;
  }

  send(cid: number, payload: Buffer, delivered?: (handedOver: boolean) => void): void {
    const packets = encodeAcl(this.handle, cid, payload, this.#controller.aclLength);
    for (const [index, packet] of packets.entries()) {
      this.#controller.sendToHost(packet, index === packets.length - 1 ? delivered : undefined);
    }
  }

  drop(reason: number): void {
    this.#controller.drop(this.handle, reason);
  }

  /** Takes one ACL fragment of the host and hands whole L2CAP frames to the peripheral. */
  receive(boundary: number, data: Buffer): void {
    this.#partial = boundary === CONTINUING ? Buffer.concat([this.#partial, data]) : Buffer.from(data);
    if (this.#partial.length < L2CAP_HEADER) return;
    const length = this.#partial.readUInt16LE(0);
    if (this.#partial.length < L2CAP_HEADER + length) return;
    const frame = this.#partial;
    this.#partial = Buffer.alloc(0);
    this.peripheral.receive(frame.readUInt16LE(2), frame.subarray(L2CAP_HEADER, L2CAP_HEADER + length));
  }
}
