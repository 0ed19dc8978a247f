/**
 * Commands go to a controller only as its credits allow (Num_HCI_Command_Packets, Core 5.2 Vol 4 Part E §4.4). The kernel
 * does that for its raw sockets; over H4 and on a user channel it is ours to do.
 */
import { H4_EVENT } from './h4-framing.ts';

const COMMAND_COMPLETE = 0x0e;
const COMMAND_STATUS = 0x0f;

/** HCI_Reset with its H4 indicator (§7.3.2). */
export const RESET = Buffer.from([0x01, 0x03, 0x0c, 0x00]);
const RESET_OPCODE = 0x0c03;

export interface CommandCredits {
  /** Sends the command, now or when there is a credit. */
  push(command: Buffer): void;
  /** Looks at an event; true when it completes a reset. */
  see(packet: Buffer): boolean;
  /** Forgets what waits: one command may be sent, as after power-on. */
  clear(): void;
}

export function createCommandCredits(send: (command: Buffer) => void): CommandCredits {
  let credits = 1;
  let waiting: Buffer[] = [];

  function drain(): void {
    while (credits > 0) {
      const command = waiting.shift();
      if (!command) return;
      credits--;
      send(command);
    }
  }

  return {
    push(command) {
      waiting.push(command);
      drain();
    },
    see(packet) {
      if (packet[0] !== H4_EVENT) return false;
      let isReset = false;
      if (packet[1] === COMMAND_COMPLETE && packet.length >= 6) {
        credits = packet.readUInt8(3); // §7.7.14
        isReset = packet.readUInt16LE(4) === RESET_OPCODE;
      } else if (packet[1] === COMMAND_STATUS && packet.length >= 7) {
        credits = packet.readUInt8(4); // §7.7.15
      } else {
        return false;
      }
      drain();
      return isReset;
    },
    clear() {
      credits = 1;
      waiting = [];
    },
  };
}
