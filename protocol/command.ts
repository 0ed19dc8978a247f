/**
 * What the service tells an agent to do: signed, numbered upward, expiring. Whom to listen to, and, sealed to the agent so
 * that the broker learns nothing of it, actions (agent-action.ts).
 */
import { CborFields, type CborValue, decodeCbor, encodeCbor } from './cbor.ts';
import { openSigned, type Signer, signPayload, type Verify } from './cose.ts';
import { Fault } from './fault.ts';
import { MAX_PRIVATE_OCTETS } from './private-message.ts';
import type { Instant } from './time.ts';

/** A patient's consent to collect, as far as this agent's assignments go. */
export interface CollectState {
  readonly subject: Uint8Array;
  readonly permitted: boolean;
}

export interface Command {
  readonly agent: Uint8Array;
  /** Greater than that of every command before; the agent ignores others. */
  readonly number: number;
  readonly expiresAt: Instant;
  /** Absent: nothing is said of consent. */
  readonly collect?: readonly CollectState[];
  /** A private message of the use `action`: {@link encodeActions}, sealed to the key of the agent's `hello`. */
  readonly actions?: Uint8Array;
}

export function signCommand(command: Command, service: Signer): Uint8Array {
  const { agent, number, expiresAt, collect, actions } = command;
  const fields = new Map<number, CborValue>([
    [0, agent],
    [1, number],
    [2, expiresAt],
  ]);
  if (collect)
    fields.set(
      3,
      collect.map(({ subject, permitted }) => [subject, permitted]),
    );
  if (actions) fields.set(4, actions);
  return signPayload('command', encodeCbor(fields), service);
}

/** The command, if the service's signature holds. Whether it is new, unexpired and ours is the agent's to check. */
export function openCommand(signed: Uint8Array, service: Uint8Array, verify: Verify): Command {
  const fields = new CborFields(decodeCbor(openSigned('command', signed, service, verify)));
  const head = { agent: fields.bytes(0, 32), number: fields.uint(1), expiresAt: fields.instant(2) };
  const collect = fields.optional(3, (key) => fields.array(key).map(readCollect));
  const actions = fields.optional(4, (key) => fields.bytes(key));
  fields.end();
  if (!collect && !actions) throw new Fault('malformed', 'a command that asks for nothing');
  if (actions && actions.length > MAX_PRIVATE_OCTETS) throw new Fault('too-large', 'actions over their limit');
  return { ...head, ...(collect && { collect }), ...(actions && { actions }) };
}

function readCollect(item: CborValue): CollectState {
  const [subject, permitted] = Array.isArray(item) && item.length === 2 ? item : [];
  if (!(subject instanceof Uint8Array) || subject.length !== 32 || typeof permitted !== 'boolean') {
    throw new Fault('malformed', 'not a consent state');
  }
  return { subject, permitted };
}
