/**
 * Answers a peripheral's L2CAP Connection Parameter Update Request (Core 5.2 Vol 3 Part A §4.20). The kernel does it on
 * its own channels; noble leaves it to the kernel; over H4 nobody else does.
 */
import { H4_ACL_DATA, H4_COMMAND } from './h4-framing.ts';

const SIGNALING_CID = 0x0005;
const UPDATE_REQUEST = 0x12;
const UPDATE_RESPONSE = 0x13;
const LE_CONNECTION_UPDATE = 0x2013;
/** H4 type, ACL header, L2CAP header, signaling header, four parameters. */
const REQUEST_LENGTH = 1 + 4 + 4 + 4 + 8;

/** True when the packet was such a request; then the answer and the update command have been written. */
export function answerParameterRequest(packet: Buffer, write: (packet: Buffer) => void): boolean {
  if (packet.length !== REQUEST_LENGTH || packet.readUInt16LE(7) !== SIGNALING_CID) return false;
  if (packet.readUInt8(9) !== UPDATE_REQUEST) return false;
  const handle = packet.readUInt16LE(1) & 0x0fff;
  const accepted = isAcceptable(packet.subarray(13));

  const response = Buffer.alloc(15);
  response.writeUInt8(H4_ACL_DATA, 0);
  response.writeUInt16LE(handle, 1);
  response.writeUInt16LE(10, 3);
  response.writeUInt16LE(6, 5);
  response.writeUInt16LE(SIGNALING_CID, 7);
  response.writeUInt8(UPDATE_RESPONSE, 9);
  response.writeUInt8(packet.readUInt8(10), 10);
  response.writeUInt16LE(2, 11);
  response.writeUInt16LE(accepted ? 0 : 1, 13);
  write(response);

  if (accepted) {
    // Core 5.2 Vol 4 Part E §7.8.18; the event lengths stay 0.
    const update = Buffer.alloc(18);
    update.writeUInt8(H4_COMMAND, 0);
    update.writeUInt16LE(LE_CONNECTION_UPDATE, 1);
    update.writeUInt8(14, 3);
    update.writeUInt16LE(handle, 4);
    packet.copy(update, 6, 13, 21);
    write(update);
  }
  return true;
}

/** Ranges of Vol 3 Part A §4.20: intervals in 1.25 ms, latency in events, supervision timeout in 10 ms. */
function isAcceptable(parameters: Buffer): boolean {
  const minInterval = parameters.readUInt16LE(0);
  const maxInterval = parameters.readUInt16LE(2);
  const latency = parameters.readUInt16LE(4);
  const timeout = parameters.readUInt16LE(6);
  if (minInterval < 6 || minInterval > maxInterval || maxInterval > 3200) return false;
  if (timeout < 10 || timeout > 3200 || latency > 499) return false;
  // The link must outlive the longest silence twice: timeout > (1 + latency) x interval x 2.
  return timeout * 10 > (1 + latency) * maxInterval * 1.25 * 2;
}
