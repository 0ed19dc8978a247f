/** ATT opcodes and error codes that a server needs (Core 5.2 Vol 3 Part F §3.3, §3.4.1.1). */

export const ERROR = 0x01;
export const MTU_REQUEST = 0x02;
export const FIND_INFORMATION = 0x04;
export const FIND_BY_TYPE_VALUE = 0x06;
export const READ_BY_TYPE = 0x08;
export const READ = 0x0a;
export const READ_BLOB = 0x0c;
export const READ_BY_GROUP_TYPE = 0x10;
export const WRITE = 0x12;
export const PREPARE_WRITE = 0x16;
export const EXECUTE_WRITE = 0x18;
export const NOTIFICATION = 0x1b;
export const INDICATION = 0x1d;
export const CONFIRMATION = 0x1e;
export const WRITE_COMMAND = 0x52;

/** Bit of opcodes that are commands. */
export const COMMAND_FLAG = 0x40;

export const INVALID_HANDLE = 0x01;
export const READ_NOT_PERMITTED = 0x02;
export const WRITE_NOT_PERMITTED = 0x03;
export const INVALID_PDU = 0x04;
export const INSUFFICIENT_AUTHENTICATION = 0x05;
export const REQUEST_NOT_SUPPORTED = 0x06;
export const INVALID_OFFSET = 0x07;
export const ATTRIBUTE_NOT_FOUND = 0x0a;
export const INSUFFICIENT_ENCRYPTION = 0x0f;
export const UNSUPPORTED_GROUP_TYPE = 0x10;

/** True for requests that look for attributes. */
export function isDiscovery(opcode: number): boolean {
  return [FIND_INFORMATION, FIND_BY_TYPE_VALUE, READ_BY_TYPE, READ_BY_GROUP_TYPE].includes(opcode);
}
