/**
 * What the virtual controller says it can do, so that a host asks for that and nothing else (Core 5.2 Vol 4 Part E
 * §6.27, Vol 2 Part C §3.3, Vol 6 Part B §4.6).
 */

/** Commands that change nothing here: they complete with success. By opcode. */
export const ACCEPTED: ReadonlySet<number> = new Set([
  0x0c01, // Set Event Mask
  0x0c6d, // Write LE Host Support
  0x2001, // LE Set Event Mask
  0x200b, // LE Set Scan Parameters
  0x2010, // LE Clear Filter Accept List
]);

/** Octets and bits of the Supported Commands (Vol 4 Part E §6.27): what is accepted, and what `commands.ts` handles. */
const COMMAND_BITS: readonly (readonly [octet: number, ...bits: number[]])[] = [
  [0, 5], // Disconnect
  [2, 7], // Read Remote Version Information
  [5, 6, 7], // Set Event Mask; Reset
  [14, 3, 5, 7], // Read Local Version Information; Local Supported Features; Buffer Size
  [15, 1, 5], // Read BD_ADDR; RSSI
  [24, 5, 6], // Read LE Host Support; Write it
  [25, 0, 1, 2, 4], // LE Set Event Mask; Read Buffer Size; Read Local Supported Features; Set Random Address
  [26, 2, 3, 4, 5, 6, 7], // LE scan parameters, enable; Create Connection, Cancel; Filter Accept List size, clear
  [27, 2, 5], // LE Connection Update; Read Remote Features
  [28, 0], // LE Enable Encryption
];

/** 64 octets. */
export const SUPPORTED_COMMANDS = Buffer.alloc(64);
for (const [octet, ...bits] of COMMAND_BITS) SUPPORTED_COMMANDS[octet] = bits.reduce((sum, bit) => sum | (1 << bit), 0);

/** LMP features, page 0: BR/EDR not supported, LE supported (bits 37 and 38). */
export const LOCAL_FEATURES = Buffer.from('0000000060000000', 'hex');
/** LE features: encryption (bit 0), of the controller and of every simulated peripheral. */
export const LE_FEATURES = Buffer.from('0100000000000000', 'hex');
