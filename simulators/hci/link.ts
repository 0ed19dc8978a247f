/** One LE link inside the virtual controller: L2CAP frames to and from ACL fragments. */
import { encodeAcl } from './hci-packets.ts';
import type { LinkEnd } from './interception.ts';
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
  /** For what takes hold of payloads: past all of that. */
  readonly #end: LinkEnd;
  #partial: Buffer = Buffer.alloc(0);

  constructor(handle: number, peripheral: VirtualPeripheral, controller: VirtualController, central: CentralAddress) {
    this.handle = handle;
    this.peripheral = peripheral;
    this.#controller = controller;
    this.central = central;
    this.#end = { send: (cid, payload) => this.#send(cid, payload), drop: (reason) => this.drop(reason) };
  }

  send(cid: number, octets: Buffer, delivered?: (handedOver: boolean) => void): void {
    const { peripheral } = this;
    this.#controller.interceptions.fromDevice({ peripheral, cid, octets, delivered }, this.#end, (passed) =>
      this.#send(passed.cid, passed.octets, passed.delivered),
    );
  }

  #send(cid: number, payload: Buffer, delivered?: (handedOver: boolean) => void): void {
    // It may have been held until after the link.
    if (this.#controller.link(this.handle) !== this) {
      delivered?.(false);
      return;
    }
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
    const octets = frame.subarray(L2CAP_HEADER, L2CAP_HEADER + length);
    const { peripheral } = this;
    this.#controller.interceptions.toDevice({ peripheral, cid: frame.readUInt16LE(2), octets }, this.#end, (passed) =>
      peripheral.receive(passed.cid, passed.octets),
    );
  }
}
