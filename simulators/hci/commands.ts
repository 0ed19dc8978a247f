/** HCI commands that the virtual controller answers (Core 5.2 Vol 4 Part E §7); it knows no others. */
import { ACCEPTED, LE_FEATURES, LOCAL_FEATURES, SUPPORTED_COMMANDS } from './capabilities.ts';
import {
  decodeAddress,
  EVT_ENCRYPTION_CHANGE,
  EVT_ENCRYPTION_KEY_REFRESH_COMPLETE,
  EVT_READ_REMOTE_VERSION_COMPLETE,
  encodeAddress,
  encodeCommandComplete,
  encodeCommandStatus,
  encodeEvent,
  encodeLeEvent,
  LE_CONNECTION_UPDATE_COMPLETE,
  LE_READ_REMOTE_FEATURES_COMPLETE,
  STATUS_CONNECTION_LIMIT,
  STATUS_DISALLOWED,
  STATUS_KEY_MISSING,
  STATUS_LOCAL_HOST_ENDED,
  STATUS_MIC_FAILURE,
  STATUS_SUCCESS,
  STATUS_UNKNOWN_COMMAND,
  STATUS_UNKNOWN_CONNECTION,
  u16,
} from './hci-packets.ts';
import type { VirtualController } from './virtual-controller.ts';

const DISCONNECT = 0x0406;
const READ_REMOTE_VERSION = 0x041d;
const RESET = 0x0c03;
const READ_LE_HOST_SUPPORT = 0x0c6c;
const READ_LOCAL_VERSION = 0x1001;
const READ_LOCAL_SUPPORTED_COMMANDS = 0x1002;
const READ_LOCAL_SUPPORTED_FEATURES = 0x1003;
const READ_BUFFER_SIZE = 0x1005;
const READ_BD_ADDR = 0x1009;
const READ_RSSI = 0x1405;
const LE_READ_BUFFER_SIZE = 0x2002;
const LE_READ_LOCAL_FEATURES = 0x2003;
const LE_SET_RANDOM_ADDRESS = 0x2005;
const LE_SET_SCAN_ENABLE = 0x200c;
const LE_CREATE_CONNECTION = 0x200d;
const LE_CREATE_CONNECTION_CANCEL = 0x200e;
const LE_READ_FILTER_ACCEPT_LIST_SIZE = 0x200f;
const LE_CONNECTION_UPDATE = 0x2013;
const LE_READ_REMOTE_FEATURES = 0x2016;
const LE_START_ENCRYPTION = 0x2019;

/** Core 5.2; a host wants at least 4.0 (0x06). */
const HCI_VERSION = 0x0b;
/** Version, company 0xffff (none), subversion. */
const LINK_LAYER_VERSION = Buffer.from([HCI_VERSION, 0xff, 0xff, 0, 0]);
type Handler = (parameters: Buffer) => void;

/** Number of octets each command needs; a shorter one completes with Invalid Parameters. */
const NEEDS: Readonly<Record<number, number>> = {
  [DISCONNECT]: 3,
  [READ_REMOTE_VERSION]: 2,
  [READ_RSSI]: 2,
  [LE_SET_RANDOM_ADDRESS]: 6,
  [LE_SET_SCAN_ENABLE]: 2,
  [LE_CREATE_CONNECTION]: 25,
  [LE_CONNECTION_UPDATE]: 14,
  [LE_READ_REMOTE_FEATURES]: 2,
  [LE_START_ENCRYPTION]: 28,
};
const STATUS_INVALID_PARAMETERS = 0x12;

/** Handler of all commands of one controller. */
export function createCommandHandler(controller: VirtualController): (opcode: number, parameters: Buffer) => void {
  const complete = (opcode: number, result?: Uint8Array, status = STATUS_SUCCESS): void => {
    controller.sendToHost(encodeCommandComplete(opcode, status, result));
  };
  const status = (opcode: number, code: number = STATUS_SUCCESS): void => {
    controller.sendToHost(encodeCommandStatus(opcode, code));
  };
  /** Command Status of a command about a link; false when there is no such link. */
  const answerLater = (opcode: number, parameters: Buffer): boolean => {
    const known = controller.link(parameters.readUInt16LE(0)) !== undefined;
    status(opcode, known ? STATUS_SUCCESS : STATUS_UNKNOWN_CONNECTION);
    return known;
  };

  const handlers: Readonly<Record<number, Handler>> = {
    [RESET]() {
      controller.reset();
      complete(RESET);
    },
    [READ_LOCAL_VERSION]: () =>
      complete(READ_LOCAL_VERSION, Buffer.concat([Buffer.from([HCI_VERSION, 0, 0]), LINK_LAYER_VERSION])),
    [READ_LOCAL_SUPPORTED_COMMANDS]: () => complete(READ_LOCAL_SUPPORTED_COMMANDS, SUPPORTED_COMMANDS),
    [READ_LOCAL_SUPPORTED_FEATURES]: () => complete(READ_LOCAL_SUPPORTED_FEATURES, LOCAL_FEATURES),
    [LE_READ_LOCAL_FEATURES]: () => complete(LE_READ_LOCAL_FEATURES, LE_FEATURES),
    [LE_READ_FILTER_ACCEPT_LIST_SIZE]: () => complete(LE_READ_FILTER_ACCEPT_LIST_SIZE, Buffer.from([0])),
    [READ_LE_HOST_SUPPORT]: () => complete(READ_LE_HOST_SUPPORT, Buffer.from([1, 0])),
    [READ_BD_ADDR]: () => complete(READ_BD_ADDR, encodeAddress(controller.address)),
    [READ_BUFFER_SIZE]: () =>
      complete(
        READ_BUFFER_SIZE,
        Buffer.concat([u16(controller.aclLength), Buffer.from([0]), u16(controller.aclCount), u16(0)]),
      ),
    [LE_READ_BUFFER_SIZE]: () =>
      complete(LE_READ_BUFFER_SIZE, Buffer.concat([u16(controller.aclLength), Buffer.from([controller.aclCount])])),
    [LE_SET_RANDOM_ADDRESS](parameters) {
      controller.randomAddress = decodeAddress(parameters.subarray(0, 6));
      complete(LE_SET_RANDOM_ADDRESS);
    },
    [LE_SET_SCAN_ENABLE](parameters) {
      complete(LE_SET_SCAN_ENABLE);
      if (parameters[0] === 1) controller.scanner.start(parameters[1] === 1);
      else controller.scanner.stop();
    },
    [LE_CREATE_CONNECTION](parameters) {
      const full = controller.linkCount >= controller.maxLinks ? STATUS_CONNECTION_LIMIT : STATUS_SUCCESS;
      // Own address type: 0 public, 1 random; 2 and 3 are these where no resolvable one is made, and none is here.
      const random = ((parameters[12] ?? 0) & 1) === 1;
      const own = random ? controller.randomAddress : controller.address;
      const outcome = controller.pending ? STATUS_DISALLOWED : own === undefined ? STATUS_INVALID_PARAMETERS : full;
      status(LE_CREATE_CONNECTION, outcome);
      if (outcome !== STATUS_SUCCESS || own === undefined) return;
      const address = decodeAddress(parameters.subarray(6, 12));
      controller.pending = { address, addressType: parameters[5] ?? 0, central: { address: own, random } };
      controller.tryConnect();
    },
    [LE_CREATE_CONNECTION_CANCEL]() {
      const { pending } = controller;
      complete(LE_CREATE_CONNECTION_CANCEL, undefined, pending ? STATUS_SUCCESS : STATUS_DISALLOWED);
      if (!pending) return;
      controller.pending = undefined;
      controller.sendConnectionComplete(STATUS_UNKNOWN_CONNECTION, 0, pending);
    },
    [DISCONNECT](parameters) {
      if (answerLater(DISCONNECT, parameters)) controller.drop(parameters.readUInt16LE(0), STATUS_LOCAL_HOST_ENDED);
    },
    [READ_REMOTE_VERSION](parameters) {
      if (!answerLater(READ_REMOTE_VERSION, parameters)) return;
      const result = [Buffer.from([STATUS_SUCCESS]), parameters.subarray(0, 2), LINK_LAYER_VERSION];
      controller.sendToHost(encodeEvent(EVT_READ_REMOTE_VERSION_COMPLETE, ...result));
    },
    [LE_READ_REMOTE_FEATURES](parameters) {
      if (!answerLater(LE_READ_REMOTE_FEATURES, parameters)) return;
      const result = [Buffer.from([STATUS_SUCCESS]), parameters.subarray(0, 2), LE_FEATURES];
      controller.sendToHost(encodeLeEvent(LE_READ_REMOTE_FEATURES_COMPLETE, ...result));
    },
    [READ_RSSI](parameters) {
      const rssi = controller.link(parameters.readUInt16LE(0))?.peripheral.rssi ?? 127;
      complete(READ_RSSI, Buffer.concat([parameters.subarray(0, 2), Buffer.from([rssi & 0xff])]));
    },
    [LE_CONNECTION_UPDATE](parameters) {
      status(LE_CONNECTION_UPDATE);
      const granted = [parameters.subarray(0, 2), parameters.subarray(4, 10)];
      controller.sendToHost(encodeLeEvent(LE_CONNECTION_UPDATE_COMPLETE, Buffer.from([0]), ...granted));
    },
    [LE_START_ENCRYPTION](parameters) {
      if (!answerLater(LE_START_ENCRYPTION, parameters)) return;
      const handle = parameters.subarray(0, 2);
      const peripheral = controller.link(handle.readUInt16LE(0))?.peripheral;
      const before = peripheral?.encrypted ?? false;
      // Random number, diversifier, key.
      const [random, diversifier, key] = [[2, 10] as const, [10, 12] as const, [12, 28] as const].map(([from, to]) =>
        parameters.subarray(from, to),
      ) as [Buffer, Buffer, Buffer];
      const outcome = peripheral?.startEncryption(key, diversifier, random) ?? 'no-key';
      if (outcome === 'wrong-key') {
        controller.drop(handle.readUInt16LE(0), STATUS_MIC_FAILURE);
        return;
      }
      const code = Buffer.from([outcome === 'no-key' ? STATUS_KEY_MISSING : STATUS_SUCCESS]);
      if (before) controller.sendToHost(encodeEvent(EVT_ENCRYPTION_KEY_REFRESH_COMPLETE, code, handle));
      else
        controller.sendToHost(encodeEvent(EVT_ENCRYPTION_CHANGE, code, handle, Buffer.from([code[0] === 0 ? 1 : 0])));
      if (outcome !== 'no-key') peripheral?.whenEncrypted(outcome);
    },
  };

  return (opcode, parameters) => {
    if (parameters.length < (NEEDS[opcode] ?? 0)) complete(opcode, undefined, STATUS_INVALID_PARAMETERS);
    else if (handlers[opcode]) handlers[opcode](parameters);
    // A host that is told of success would wait for results that never come.
    else complete(opcode, undefined, ACCEPTED.has(opcode) ? STATUS_SUCCESS : STATUS_UNKNOWN_COMMAND);
  };
}
