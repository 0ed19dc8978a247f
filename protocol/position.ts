/** Where a commitment stands in the log; what the ledger writer tells the ingest service. */
import { CborFields, decodeCbor, encodeCbor } from './cbor.ts';
import { Fault } from './fault.ts';

/** A commitment that a signed checkpoint covers. */
export interface Position {
  /** The 32 octets of the log's entry. */
  readonly commitment: Uint8Array;
  /** Zero-based index of the entry. */
  readonly index: number;
  /** Size of the first checkpoint that covers it; any later one does too. */
  readonly treeSize: number;
}

const COMMITMENT_LENGTH = 32;

/** CBOR {1: commitment, 2: index, 3: tree size}. */
export function encodePosition({ commitment, index, treeSize }: Position): Uint8Array {
  return encodeCbor(
    new Map<number, Uint8Array | number>([
      [1, commitment],
      [2, index],
      [3, treeSize],
    ]),
  );
}

/** Reverse of {@link encodePosition}. Throws `malformed` or `not-canonical`. */
export function decodePosition(bytes: Uint8Array): Position {
  const fields = new CborFields(decodeCbor(bytes));
  const position = { commitment: fields.bytes(1, COMMITMENT_LENGTH), index: fields.uint(2), treeSize: fields.uint(3) };
  fields.end();
  if (position.index >= position.treeSize) throw new Fault('malformed', 'position outside the tree');
  return position;
}
