/**
 * Receipts in their smallest form (docs/format.md §8.4): CBOR in which what many have in common stands once, and one proof
 * serves all leaves of a batch, and all batches of a checkpoint. Nothing is lost: what is packed comes back as it was.
 */
import { evidenceFromJson, evidenceToJson } from './anchor-evidence.ts';
import { leafHash, readHeader } from './batch.ts';
import { equalBytes } from './bytes.ts';
import { CborFields, type CborValue, decodeCbor, encodeCbor } from './cbor.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { commitmentOf } from './commitment.ts';
import { Fault } from './fault.ts';
import { readKeyEvent } from './key-event.ts';
import { hashLeaf } from './merkle.ts';
import { joinProofs, type ProvenLeaf, pathsOfMany } from './merkle-many.ts';
import { MAX_ANCHORS, MAX_KEY_EVENTS, type ProvenKeyEvent, type Receipt, type ReceiptAnchor } from './receipt.ts';
import { parseNote } from './signed-note.ts';
import { parseJson } from './strict-json.ts';
import { readSupersession } from './supersession.ts';
import { encodeTlogProof, parseTlogProof } from './tlog-proof.ts';

export const PACK_FORMAT = 'veravita/receipts@v1';

/** Most octets of a pack that is read: a day of readings at one a second has about 15 million. */
export const MAX_PACK_OCTETS = 64 * 1024 * 1024;

/** Longest checkpoint in a pack: room for 32 cosignatures, and for no book. */
const MAX_CHECKPOINT_LENGTH = 16 * 1024;

/** Items of CBOR in the largest pack. */
const MAX_PACK_ITEMS = 2_000_000;

/** Batches of one checkpoint that stand in one pack. */
interface Group {
  readonly checkpoint: string;
  readonly batches: Receipt[][];
}

/**
 * See the file comment; receipts of one batch need not be neighbors, and what a receipt proves to be in the log it proves by
 * one checkpoint. Throws `malformed` for none, or one that is not whole.
 */
export function packReceipts(receipts: readonly Receipt[]): Uint8Array {
  if (receipts.length === 0) throw new Fault('malformed', 'no receipt to pack');
  const enrolments: Uint8Array[] = [];
  const groups = groupByCheckpoint(receipts).map(({ checkpoint, batches }): CborValue => {
    const { size } = parseCheckpoint(parseNote(checkpoint).text);
    const proven = new Map<number, ProvenLeaf>();
    const place = (logProof: string): number => {
      const { index, proof } = parseTlogProof(logProof);
      proven.set(index, { index, path: proof });
      return index;
    };
    const packed = batches.map((batch) => packBatch(batch, enrolments, place));
    const sorted = [...proven.values()].sort((a, b) => a.index - b.index);
    return [checkpoint, joinProofs(sorted, size), packed];
  });
  return encodeCbor([PACK_FORMAT, enrolments, groups]);
}

function groupByCheckpoint(receipts: readonly Receipt[]): Group[] {
  const groups = new Map<string, Map<string, Receipt[]>>();
  for (const receipt of receipts) {
    const { checkpoint } = parseTlogProof(receipt.logProof);
    const batches = groups.get(checkpoint) ?? new Map<string, Receipt[]>();
    groups.set(checkpoint, batches);
    // The same batch in another history is another one here.
    const { anchors, keyHistory, enrolment, header, logProof } = receipt;
    const name = String([header, enrolment, logProof, JSON.stringify([jsonOf(anchors), keyHistory?.map(keyOfEvent)])]);
    batches.set(name, [...(batches.get(name) ?? []), receipt]);
  }
  return [...groups].map(([checkpoint, batches]) => ({ checkpoint, batches: [...batches.values()] }));
}

const jsonOf = (anchors: readonly ReceiptAnchor[] = []) =>
  anchors.map(({ evidence, path }) => [evidenceToJson(evidence), path.map(String)]);
const keyOfEvent = ({ event, logProof }: ProvenKeyEvent) => [String(event), logProof];

function packBatch(
  batch: readonly Receipt[],
  enrolments: Uint8Array[],
  place: (logProof: string) => number,
): CborValue {
  const [{ header, enrolment, logProof, keyHistory, anchors }] = batch as [Receipt];
  const leaves = batch.toSorted((a, b) => a.index - b.index);
  const { leafCount } = readHeader(header).header;
  const fields = new Map<number, CborValue>([
    [0, header],
    [1, refer(enrolments, enrolment)],
    [2, place(logProof)],
    [3, leaves.map((leaf) => leafRow(leaf, place))],
    [4, joinProofs(leaves, leafCount)],
  ]);
  if (keyHistory)
    fields.set(
      5,
      keyHistory.map((each): CborValue => [each.event, place(each.logProof)]),
    );
  if (anchors)
    fields.set(
      6,
      anchors.map((one): CborValue => [JSON.stringify(evidenceToJson(one.evidence)), one.path]),
    );
  return fields;
}

function leafRow({ index, salt, body, supersession }: Receipt, place: (logProof: string) => number): CborValue {
  if (!supersession) return [index, salt, body];
  return [index, salt, body, supersession.statement, place(supersession.logProof)];
}

function refer(table: Uint8Array[], bytes: Uint8Array): number {
  const at = table.findIndex((one) => equalBytes(one, bytes));
  return at < 0 ? table.push(bytes) - 1 : at;
}

/** The receipts of a pack. Throws a Fault for what is none; nothing is verified but that its proofs have their length. */
export function unpackReceipts(bytes: Uint8Array): Receipt[] {
  if (bytes.length > MAX_PACK_OCTETS) throw new Fault('too-large', 'longer than is read');
  const [format, enrolments, groups, ...more] = asArray(decodeCbor(bytes, MAX_PACK_ITEMS));
  if (format !== PACK_FORMAT) throw new Fault('version', 'not receipts of this format');
  if (more.length > 0) throw new Fault('malformed', 'more than receipts');
  const known = asArray(enrolments).map(asBytes);
  const receipts = asArray(groups).flatMap((group) => unpackGroup(group, known));
  if (receipts.length === 0) throw new Fault('malformed', 'no receipt');
  return receipts;
}

/** A signed thing whose commitment is in the log, and where. */
interface PackedEntry {
  readonly signed: Uint8Array;
  readonly entry: Uint8Array;
  readonly logIndex: number;
}

interface PackedLeaf {
  readonly index: number;
  readonly salt: Uint8Array;
  readonly body: Uint8Array;
  readonly supersession?: PackedEntry;
}

interface PackedBatch {
  readonly header: Uint8Array;
  readonly entry: Uint8Array;
  readonly enrolment: Uint8Array;
  readonly logIndex: number;
  readonly leaves: readonly PackedLeaf[];
  readonly proof: readonly Uint8Array[];
  readonly keyHistory?: readonly PackedEntry[];
  readonly anchors?: readonly ReceiptAnchor[];
}

function unpackGroup(value: CborValue, enrolments: readonly Uint8Array[]): Receipt[] {
  const [checkpoint, proof, packed, ...more] = asArray(value);
  if (typeof checkpoint !== 'string' || more.length > 0) throw new Fault('malformed', 'not batches of a checkpoint');
  if (checkpoint.length > MAX_CHECKPOINT_LENGTH) throw new Fault('too-large', 'a checkpoint that is longer than any');
  const { size } = parseCheckpoint(parseNote(checkpoint).text);
  const batches = asArray(packed).map((batch) => readBatch(batch, enrolments));
  const entries = new Map<number, Uint8Array>();
  for (const { logIndex, entry, keyHistory = [], leaves } of batches) {
    const corrections = leaves.flatMap(({ supersession }) => supersession ?? []);
    for (const one of [{ logIndex, entry }, ...keyHistory, ...corrections]) {
      entries.set(one.logIndex, hashLeaf(one.entry));
    }
  }
  const placed = [...entries].map(([index, hash]) => ({ index, hash })).sort((a, b) => a.index - b.index);
  const paths = pathsOfMany(placed, size, asArray(proof).map(asBytes));
  const proofs = new Map(
    placed.map(({ index }, i) => [index, encodeTlogProof({ index, proof: paths[i]!, checkpoint })] as const),
  );
  return batches.flatMap((batch) => receiptsOf(batch, proofs));
}

function receiptsOf(batch: PackedBatch, proofs: ReadonlyMap<number, string>): Receipt[] {
  const { header, enrolment, logIndex, leaves, proof, keyHistory, anchors } = batch;
  const { leafCount } = readHeader(header).header;
  const placed = leaves.map(({ index, salt, body }) => ({ index, hash: leafHash(salt, body) }));
  const paths = pathsOfMany(placed, leafCount, proof);
  const shared = {
    header,
    enrolment,
    logProof: proofs.get(logIndex)!,
    ...(keyHistory && {
      keyHistory: keyHistory.map(({ signed, logIndex: at }) => ({ event: signed, logProof: proofs.get(at)! })),
    }),
    ...(anchors && { anchors }),
  };
  return leaves.map(({ index, salt, body, supersession }, i) => ({
    index,
    salt,
    body,
    path: paths[i]!,
    ...shared,
    ...(supersession && {
      supersession: { statement: supersession.signed, logProof: proofs.get(supersession.logIndex)! },
    }),
  }));
}

function readBatch(value: CborValue, enrolments: readonly Uint8Array[]): PackedBatch {
  const fields = new CborFields(value);
  const header = fields.bytes(0);
  const enrolment = enrolments[fields.uint(1)];
  if (!enrolment) throw new Fault('malformed', 'an enrolment that is not there');
  const batch = {
    header,
    entry: commitmentOf('batch', readHeader(header).id),
    enrolment,
    logIndex: fields.uint(2),
    leaves: fields.array(3).map(readLeafRow),
    proof: fields.array(4).map(asBytes),
  };
  const keyHistory = fields.optional(5, (key) => bounded(fields.array(key), MAX_KEY_EVENTS).map(readEventRow));
  const anchors = fields.optional(6, (key) => bounded(fields.array(key), MAX_ANCHORS).map(readAnchorRow));
  fields.end();
  return { ...batch, ...(keyHistory && { keyHistory }), ...(anchors && { anchors }) };
}

function readLeafRow(row: CborValue): PackedLeaf {
  const [index, salt, body, statement, place, ...more] = asArray(row);
  if (more.length > 0 || (statement === undefined) !== (place === undefined))
    throw new Fault('malformed', 'not a leaf');
  const leaf = { index: asIndex(index), salt: asBytes(salt), body: asBytes(body) };
  if (statement === undefined) return leaf;
  const signed = asBytes(statement);
  const entry = commitmentOf('supersession', readSupersession(signed).id);
  return { ...leaf, supersession: { signed, entry, logIndex: asIndex(place) } };
}

function readEventRow(row: CborValue): PackedEntry {
  const [event, place, ...more] = asArray(row);
  if (more.length > 0) throw new Fault('malformed', 'not a key event');
  const signed = asBytes(event);
  return { signed, entry: commitmentOf('key-event', readKeyEvent(signed).id), logIndex: asIndex(place) };
}

function readAnchorRow(row: CborValue): ReceiptAnchor {
  const [evidence, path, ...more] = asArray(row);
  if (typeof evidence !== 'string' || more.length > 0) throw new Fault('malformed', 'not an anchor');
  return { evidence: evidenceFromJson(parseJson(evidence)), path: asArray(path).map(asBytes) };
}

/** As many as a receipt may have (receipt.ts), and not none. */
function bounded(rows: readonly CborValue[], most: number): readonly CborValue[] {
  if (rows.length === 0 || rows.length > most) throw new Fault('malformed', 'a list that is empty, or a long one');
  return rows;
}

function asArray(value: CborValue | undefined): readonly CborValue[] {
  if (!Array.isArray(value)) throw new Fault('malformed', 'not a list');
  return value as readonly CborValue[];
}

function asBytes(value: CborValue | undefined): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new Fault('malformed', 'not octets');
  return value;
}

function asIndex(value: CborValue | undefined): number {
  if (typeof value !== 'number' || value < 0) throw new Fault('malformed', 'not an index');
  return value;
}
