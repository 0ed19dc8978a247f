/**
 * What the service tells one agent in private, inside a command (docs/format.md §6.6): to look around, whom it may speak
 * for, what a device's display showed. Each is the wish of a patient; the agent makes it durable before it acts.
 */
import { type AddressType, addressToBytes, readAddress } from './bluetooth-address.ts';
import { CborFields, type CborValue, decodeCbor, encodeCbor } from './cbor.ts';
import { Fault } from './fault.ts';

export type AgentAction =
  /** Report which wearables are near, for so long; 0 ends it. */
  | { readonly type: 'scan'; readonly forMs: number }
  /** Speak for this wearable of this patient from now on, and pair with it. */
  | {
      readonly type: 'assign';
      readonly address: string;
      readonly addressType: AddressType;
      /** 32 octets. */
      readonly subject: Uint8Array;
    }
  /** Speak no more for the wearable that has this handle (16 octets) in a patient's leaves, and leave it. */
  | { readonly type: 'unassign'; readonly device: Uint8Array }
  /** The six digits that the device shows (Core 5.2 Vol 3 Part H §2.3.5.3). */
  | { readonly type: 'passkey'; readonly address: string; readonly addressType: AddressType; readonly passkey: number }
  /** What this user of the device measures is this patient's. */
  | {
      readonly type: 'claim';
      readonly address: string;
      readonly addressType: AddressType;
      readonly userIndex: number;
      readonly subject: Uint8Array;
    }
  /** Make a new key, and let the old one name it (key-event.ts). */
  | { readonly type: 'rotate-key' }
  /** Destroy all that is kept of the subject whose {@link erasureMark} this is, and say when it is done. */
  | {
      readonly type: 'erase';
      /** Of the erasure, 16 octets. */
      readonly id: Uint8Array;
      /** 32 octets: the service itself does not know the subject any more. */
      readonly mark: Uint8Array;
    };

/** Longest scan that can be asked for. */
export const MAX_SCAN_MS = 300_000;
export const MAX_PASSKEY = 999_999;
/** User Index is a uint8; 255 stands for an unknown user. */
export const MAX_USER_INDEX = 254;
/** Most actions in one command. */
export const MAX_ACTIONS = 32;

const TYPES = { scan: 1, assign: 2, unassign: 3, passkey: 4, claim: 5, 'rotate-key': 6, erase: 7 } as const;

export function encodeActions(actions: readonly AgentAction[]): Uint8Array {
  return encodeCbor(
    actions.map((action) => new Map<number, CborValue>([[0, TYPES[action.type]], ...fieldsOf(action)])),
  );
}

function fieldsOf(action: AgentAction): [number, CborValue][] {
  switch (action.type) {
    case 'scan':
      return [[1, action.forMs]];
    case 'assign':
      return [...addressFields(action), [4, action.subject]];
    case 'unassign':
      return [[5, action.device]];
    case 'passkey':
      return [...addressFields(action), [6, action.passkey]];
    case 'claim':
      return [...addressFields(action), [4, action.subject], [7, action.userIndex]];
    case 'rotate-key':
      return [];
    case 'erase':
      return [
        [8, action.id],
        [9, action.mark],
      ];
  }
}

function addressFields({ address, addressType }: { address: string; addressType: AddressType }): [number, CborValue][] {
  return [
    [2, addressToBytes(address)],
    [3, addressType === 'random'],
  ];
}

/** Throws `malformed`, `not-canonical`, `too-large`, `range`. */
export function decodeActions(bytes: Uint8Array): readonly AgentAction[] {
  const list = decodeCbor(bytes);
  if (!Array.isArray(list)) throw new Fault('malformed', 'not a list of actions');
  if (list.length > MAX_ACTIONS) throw new Fault('too-large', 'more actions than are read');
  return list.map(decodeAction);
}

function decodeAction(item: CborValue): AgentAction {
  const fields = new CborFields(item);
  const action = readAction(fields.uint(0), fields);
  fields.end();
  return action;
}

function readAction(type: number, fields: CborFields): AgentAction {
  switch (type) {
    case TYPES.scan:
      return { type: 'scan', forMs: upTo(fields.uint(1), MAX_SCAN_MS) };
    case TYPES.assign:
      return { type: 'assign', ...readAddress(fields, 2), subject: fields.bytes(4, 32) };
    case TYPES.unassign:
      return { type: 'unassign', device: fields.bytes(5, 16) };
    case TYPES.passkey:
      return { type: 'passkey', ...readAddress(fields, 2), passkey: upTo(fields.uint(6), MAX_PASSKEY) };
    case TYPES.claim: {
      const userIndex = upTo(fields.uint(7), MAX_USER_INDEX);
      return { type: 'claim', ...readAddress(fields, 2), subject: fields.bytes(4, 32), userIndex };
    }
    case TYPES['rotate-key']:
      return { type: 'rotate-key' };
    case TYPES.erase:
      return { type: 'erase', id: fields.bytes(8, 16), mark: fields.bytes(9, 32) };
    default:
      throw new Fault('malformed', 'unknown action');
  }
}

function upTo(value: number, most: number): number {
  if (value > most) throw new Fault('range', 'beyond what an action may ask for');
  return value;
}
