/** Logs in memory that were signed by one key and agree up to a point: what a witness must tell apart. */
import { createHash } from 'node:crypto';
import { type AddCheckpoint, encodeAddCheckpoint } from '../../../protocol/add-checkpoint.ts';
import { encodeHex } from '../../../protocol/bytes.ts';
import { signCheckpoint } from '../../../protocol/checkpoint.ts';
import { consistencyProof, hashLeaf, rootOf } from '../../../protocol/merkle.ts';
import { type NoteSigner, noteSignerOf } from '../../../protocol/signed-note.ts';
import { seedOf } from '../../support/receipt-builder.ts';

export const LOG: NoteSigner = noteSignerOf('log.example/veravita', seedOf(3));

const entryOf = (text: string) => hashLeaf(createHash('sha256').update(text).digest());

export interface Branch {
  readonly leafHashes: readonly Uint8Array[];
  checkpoint(size: number, signer?: NoteSigner): string;
  root(size: number): Uint8Array;
  proof(from: number, to: number): Uint8Array[];
  /** A request body with a right proof, unless told otherwise. */
  request(from: number, to: number, changes?: Partial<AddCheckpoint>): string;
}

/** A log of `size` entries that is like all others below `forksAt`, and its own from there. */
export function branchOf(name: string, forksAt: number, size: number): Branch {
  const leafHashes = Array.from({ length: size }, (_, i) => entryOf(i < forksAt ? `common ${i}` : `${name} ${i}`));
  const roots = new Map<number, Uint8Array>();
  const root = (at: number) => {
    const known = roots.get(at) ?? rootOf(leafHashes.slice(0, at));
    roots.set(at, known);
    return known;
  };
  const checkpoint = (at: number, signer = LOG) =>
    signCheckpoint({ origin: LOG.name, size: at, root: root(at) }, [signer]);
  const proof = (from: number, to: number) => consistencyProof(leafHashes, from, to);
  return {
    leafHashes,
    root,
    checkpoint,
    proof,
    request: (from, to, changes = {}) =>
      encodeAddCheckpoint({
        oldSize: from,
        proof: from <= to ? proof(from, to) : [],
        checkpoint: checkpoint(to),
        ...changes,
      }),
  };
}

/** True when all the heads can be of one log: some branch has every one of them. */
export function areOfOneLog(
  heads: readonly { size: number; root: Uint8Array }[],
  branches: readonly Branch[],
): boolean {
  return branches.some((branch) => heads.every(({ size, root }) => encodeHex(branch.root(size)) === encodeHex(root)));
}
