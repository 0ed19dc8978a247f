/**
 * The service's signed word to an agent on one batch. *held*: durable in the inbox, custody has passed and the agent may
 * delete the leaf bodies; *duplicate*: held before; *refused*: not held, with a code and whether to send again;
 * *logged*: the commitments of this batch and of all with a smaller sequence are in a signed checkpoint, so the agent may
 * delete their headers too. *logged* is cumulative, so a lost one costs nothing: the service says it again on connect.
 */
import { CborFields, type CborValue, decodeCbor, encodeCbor } from './cbor.ts';
import { openSigned, type Signer, signPayload, type Verify } from './cose.ts';
import { Fault, type FaultCode, type Retry } from './fault.ts';
import type { Instant } from './time.ts';

export const OUTCOMES = ['held', 'duplicate', 'refused', 'logged'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface Acknowledgement {
  /** Thumbprint of the agent's key. */
  readonly agent: Uint8Array;
  readonly outcome: Outcome;
  readonly at: Instant;
  /** There when held or duplicate; absent when logged, and when a refused message could not be opened so far. */
  readonly batch?: Uint8Array;
  /** Absent only when a refused message could not be opened far enough to name its batch. */
  readonly sequence?: number;
  /** Why it was refused. A later service may know codes that this version does not. */
  readonly code?: FaultCode;
  readonly retry?: Retry;
  /** Leaves that the patient's consent did not allow the service to keep. */
  readonly withheld?: number;
  /** Index in the log. */
  readonly logIndex?: number;
  /** For `sequence-gap`: the sequence that the service waits for. */
  readonly expected?: number;
}

/** What each outcome cannot do without. */
const REQUIRED = {
  held: ['batch', 'sequence'],
  duplicate: ['batch', 'sequence'],
  refused: ['code', 'retry'],
  logged: ['sequence'],
} as const;

const RETRIES = ['never', 'later', 'unknown'] as const;

export function signAcknowledgement(acknowledgement: Acknowledgement, signer: Signer): Uint8Array {
  const { agent, outcome, at, batch, sequence, code, retry, withheld, logIndex, expected } = acknowledgement;
  const optional: [number, CborValue | undefined][] = [
    [3, batch],
    [4, sequence],
    [5, code],
    [6, retry && RETRIES.indexOf(retry)],
    [7, withheld],
    [8, logIndex],
    [9, expected],
  ];
  const fields = new Map<number, CborValue>([
    [0, agent],
    [1, OUTCOMES.indexOf(outcome)],
    [2, at],
  ]);
  for (const [key, value] of optional) if (value !== undefined) fields.set(key, value);
  return signPayload('acknowledgement', encodeCbor(fields), signer);
}

/** The acknowledgement, if the service's signature holds. Throws `bad-signature`, `malformed`, `not-canonical`. */
export function openAcknowledgement(signed: Uint8Array, service: Uint8Array, verify: Verify): Acknowledgement {
  const fields = new CborFields(decodeCbor(openSigned('acknowledgement', signed, service, verify)));
  const outcome = OUTCOMES[fields.uint(1)];
  if (outcome === undefined) throw new Fault('malformed', 'unknown outcome');
  const found = {
    batch: fields.optional(3, (key) => fields.bytes(key, 32)),
    sequence: fields.optional(4, fields.uint),
    code: fields.optional(5, (key) => readCode(fields, key)),
    retry: fields.optional(6, (key) => readRetry(fields, key)),
    withheld: fields.optional(7, fields.uint),
    logIndex: fields.optional(8, fields.uint),
    expected: fields.optional(9, fields.uint),
  };
  const acknowledgement = { agent: fields.bytes(0, 32), outcome, at: fields.instant(2) };
  fields.end();
  if (REQUIRED[outcome].some((name) => found[name] === undefined))
    throw new Fault('malformed', 'part of it is missing');
  return Object.assign(acknowledgement, Object.fromEntries(Object.entries(found).filter(([, v]) => v !== undefined)));
}

function readCode(fields: CborFields, key: number): FaultCode {
  const code = fields.text(key);
  if (!/^[a-z][a-z-]{0,63}$/.test(code)) throw new Fault('malformed', 'not a code');
  return code as FaultCode;
}

function readRetry(fields: CborFields, key: number): Retry {
  const retry = RETRIES[fields.uint(key)];
  if (retry === undefined) throw new Fault('malformed', 'unknown retry');
  return retry;
}
