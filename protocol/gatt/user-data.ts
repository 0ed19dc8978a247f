/**
 * User Data service (UDS): Database Change Increment 2A99, User Index 2A9A, User Control Point 2A9F. A scale gives its
 * measurements only after the consent of one of its users.
 */
import { ByteReader } from '../bytes.ts';
import { Fault } from '../fault.ts';
import { ByteWriter } from './writer.ts';

/** 2A99: to be raised by one after user data were written. */
export interface DatabaseChangeIncrement {
  readonly increment: number;
}

/** Throws `truncated`, `trailing`. */
export function decodeDatabaseChangeIncrement(bytes: Uint8Array): DatabaseChangeIncrement {
  const reader = new ByteReader(bytes);
  const increment = reader.u32();
  reader.end();
  return { increment };
}

/** The reverse of {@link decodeDatabaseChangeIncrement}. Throws `range`. */
export function encodeDatabaseChangeIncrement({ increment }: DatabaseChangeIncrement): Uint8Array {
  return new ByteWriter().u32(increment).take();
}

/** 2A9A: whose data are shown; 255 = unknown user. */
export interface UserIndex {
  readonly userIndex: number;
}

/** Throws `truncated`, `trailing`. */
export function decodeUserIndex(bytes: Uint8Array): UserIndex {
  const reader = new ByteReader(bytes);
  const userIndex = reader.u8();
  reader.end();
  return { userIndex };
}

/** The reverse of {@link decodeUserIndex}. Throws `range`. */
export function encodeUserIndex({ userIndex }: UserIndex): Uint8Array {
  return new ByteWriter().u8(userIndex).take();
}

/** Registers a new user, who consents from now on by this code. */
interface Register {
  readonly opCode: 1;
  readonly consentCode: number;
}

/** A user consents to access. */
interface Consent {
  readonly opCode: 2;
  readonly userIndex: number;
  readonly consentCode: number;
}

/** Deletes the data of the user who consented (3), or lists all users (4). */
interface Plain {
  readonly opCode: 3 | 4;
}

/** Deletes a user. */
interface DeleteUser {
  readonly opCode: 5;
  readonly userIndex: number;
}

/** How a request ended. */
interface Result {
  readonly opCode: 32;
  readonly requestOpCode: number;
  /** 1 success, 2 op code, 3 parameter, 4 failed, 5 not authorized. */
  readonly responseCode: number;
  /** What the request gave, as sent; after a successful registration one octet. */
  readonly parameter: Uint8Array;
  /** Index of the new user after a successful registration, else null. */
  readonly userIndex: number | null;
}

/** 2A9F, in either direction. */
export type UserControlPoint = Register | Consent | Plain | DeleteUser | Result;

function readResult(reader: ByteReader): Result {
  const requestOpCode = reader.u8();
  const responseCode = reader.u8();
  const parameter = reader.rest();
  const registered = requestOpCode === 1 && responseCode === 1;
  const userIndex = registered ? decodeUserIndex(parameter).userIndex : null;
  return { opCode: 32, requestOpCode, responseCode, parameter, userIndex };
}

function read(reader: ByteReader): UserControlPoint {
  const opCode = reader.u8();
  switch (opCode) {
    case 1:
      return { opCode, consentCode: reader.u16() };
    case 2:
      return { opCode, userIndex: reader.u8(), consentCode: reader.u16() };
    case 3:
    case 4:
      return { opCode };
    case 5:
      return { opCode, userIndex: reader.u8() };
    case 32:
      return readResult(reader);
    default:
      throw new Fault('range', 'reserved op code');
  }
}

/** Throws `truncated`, `trailing`, and `range` on a reserved op code. */
export function decodeUserControlPoint(bytes: Uint8Array): UserControlPoint {
  const reader = new ByteReader(bytes);
  const value = read(reader);
  reader.end();
  return value;
}

/** The reverse of {@link decodeUserControlPoint}; of a result, `parameter` is written. Throws `range`. */
export function encodeUserControlPoint(value: UserControlPoint): Uint8Array {
  const writer = new ByteWriter().u8(value.opCode);
  if (value.opCode === 32) return writer.u8(value.requestOpCode).u8(value.responseCode).bytes(value.parameter).take();
  if ('userIndex' in value) writer.u8(value.userIndex);
  if ('consentCode' in value) writer.u16(value.consentCode);
  return writer.take();
}
