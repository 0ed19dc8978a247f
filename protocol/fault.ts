/**
 * The one error type of the protocol. Hostile bytes may only return a value or throw a {@link Fault}; anything else
 * that is thrown is a bug.
 */

/** Why bytes were refused. The set is closed so that every code can be counted and documented (docs/format.md §10). */
export type FaultCode =
  // GATT values
  | 'truncated'
  | 'trailing'
  | 'range'
  | 'size'
  | 'crc'
  | 'version'
  | 'operator'
  | 'encrypted'
  | 'not-a-response'
  | 'unknown-characteristic'
  | 'bad-hex'
  // encodings
  | 'malformed'
  | 'not-canonical'
  // batches, in the order in which the ingest service checks them
  | 'too-large'
  | 'unknown-agent'
  | 'wrong-topic'
  | 'wrong-key'
  | 'bad-signature'
  | 'wrong-root'
  | 'bad-leaf'
  | 'wrong-subject'
  | 'sequence-gap'
  | 'forked'
  | 'frozen'
  | 'quarantined'
  | 'rejected'
  | 'revoked'
  | 'unavailable'
  // consent, enrolment, requests
  | 'bad-chain'
  | 'expired'
  | 'not-permitted'
  | 'not-found'
  | 'erased'
  // log
  | 'inconsistent'
  | 'missing';

/** Whether sending the same thing again can help: never, later, or nobody knows. */
export type Retry = 'never' | 'later' | 'unknown';

/** A refusal with a code from the closed set. The message never quotes the refused bytes. */
export class Fault extends Error {
  readonly code: FaultCode;
  readonly retry: Retry;

  constructor(code: FaultCode, message: string, retry: Retry = 'never') {
    super(message);
    this.name = 'Fault';
    this.code = code;
    this.retry = retry;
  }
}

/** Narrows an unknown thrown value to a {@link Fault}, optionally with a certain code. */
export function isFault(error: unknown, code?: FaultCode): error is Fault {
  return error instanceof Fault && (code === undefined || error.code === code);
}
