/** What has reached the host of a virtual controller: values of characteristics, and advertisements. */
import { INDICATION, NOTIFICATION } from '../hci/att-codes.ts';
import { ACL_DATA, CID_ATT, decodeAddress, EVENT, EVT_LE_META, LE_ADVERTISING_REPORT } from '../hci/hci-packets.ts';
import type { VirtualController } from '../hci/virtual-controller.ts';
import type { VirtualPeripheral } from '../hci/virtual-peripheral.ts';

/** Packet boundary flag of a continuing fragment (Core 5.2 Vol 4 Part E §5.4.2). */
const CONTINUING = 0b01;
const L2CAP_HEADER = 4;
const VALUE_HEADER = 3;

export interface ArrivalWatch {
  /** A notification or an indication, by the handle of its value. */
  readonly onValue: (device: VirtualPeripheral, handle: number, value: Buffer) => void;
  /** With the whole report, so with the data. */
  readonly onAdvertisement: (address: string, report: Buffer) => void;
}

/** Watches until the answer is called. A controller has one watch at a time. */
export function watchArrivals(controller: VirtualController, watch: ArrivalWatch): () => void {
  const devices = new Map<number, VirtualPeripheral>();
  const partial = new Map<number, Buffer>();

  function onAcl(packet: Buffer): void {
    const flags = packet.readUInt16LE(1);
    const handle = flags & 0x0fff;
    const device = controller.link(handle)?.peripheral ?? devices.get(handle);
    if (!device) return;
    // The link may have ended by the time at which its last packets are handed over.
    devices.set(handle, device);
    const data = packet.subarray(5);
    const continues = ((flags >> 12) & 0b11) === CONTINUING;
    const frame = continues ? Buffer.concat([partial.get(handle) ?? Buffer.alloc(0), data]) : data;
    partial.set(handle, frame);
    if (frame.length < L2CAP_HEADER + VALUE_HEADER || frame.length < L2CAP_HEADER + frame.readUInt16LE(0)) return;
    const opcode = frame[L2CAP_HEADER];
    if (frame.readUInt16LE(2) !== CID_ATT || (opcode !== NOTIFICATION && opcode !== INDICATION)) return;
    watch.onValue(device, frame.readUInt16LE(L2CAP_HEADER + 1), frame.subarray(L2CAP_HEADER + VALUE_HEADER));
  }

  controller.onHandedOver = (packet) => {
    if (packet[0] === ACL_DATA) onAcl(packet);
    else if (packet[0] === EVENT && packet[1] === EVT_LE_META && packet[3] === LE_ADVERTISING_REPORT) {
      watch.onAdvertisement(decodeAddress(packet.subarray(7, 13)), packet);
    }
  };
  return () => {
    controller.onHandedOver = undefined;
  };
}
