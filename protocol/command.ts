/** What the service tells an agent to do: signed, numbered upward, expiring. One type so far: whom to listen to. */
import { CborFields, type CborValue, decodeCbor, encodeCbor } from './cbor.ts';
import { openSigned, type Signer, signPayload, type Verify } from './cose.ts';
import { Fault } from './fault.ts';
import type { Instant } from './time.ts';

/** Patients' consent to collect, as far as this agent's assignments go. */
export interface CollectCommand {
  readonly agent: Uint8Array;
  /** Greater than that of every command before; the agent ignores others. */
  readonly number: number;
  readonly expiresAt: Instant;
  readonly collect: readonly { readonly subject: Uint8Array; readonly permitted: boolean }[];
}

export function signCommand(command: CollectCommand, service: Signer): Uint8Array {
  const payload = encodeCbor(
    new Map<number, CborValue>([
      [0, command.agent],
      [1, command.number],
      [2, command.expiresAt],
      [3, command.collect.map(({ subject, permitted }) => [subject, permitted])],
    ]),
  );
  return signPayload('command', payload, service);
}

/** The command, if the service's signature holds. Whether it is new, unexpired and ours is the agent's to check. */
export function openCommand(signed: Uint8Array, service: Uint8Array, verify: Verify): CollectCommand {
  const fields = new CborFields(decodeCbor(openSigned('command', signed, service, verify)));
  const command = {
    agent: fields.bytes(0, 32),
    number: fields.uint(1),
    expiresAt: fields.instant(2),
    collect: fields.array(3).map((item: CborValue) => {
      const [subject, permitted] = Array.isArray(item) && item.length === 2 ? item : [];
      if (!(subject instanceof Uint8Array) || subject.length !== 32 || typeof permitted !== 'boolean') {
        throw new Fault('malformed', 'not a consent state');
      }
      return { subject, permitted };
    }),
  };
  fields.end();
  return command;
}
