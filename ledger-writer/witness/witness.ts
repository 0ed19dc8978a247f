/** What a witness answers (C2SP tlog-witness): it cosigns a checkpoint only if it extends all that it cosigned before. */
import {
  ADD_CHECKPOINT_PATH,
  type AddCheckpoint,
  parseAddCheckpoint,
  TREE_SIZE_TYPE,
} from '../../protocol/add-checkpoint.ts';
import { equalBytes } from '../../protocol/bytes.ts';
import { type Checkpoint, parseCheckpoint } from '../../protocol/checkpoint.ts';
import type { Verify } from '../../protocol/cose.ts';
import { type Cosigner, cosign } from '../../protocol/cosignature.ts';
import { isFault } from '../../protocol/fault.ts';
import { rootOf, verifyConsistency } from '../../protocol/merkle.ts';
import { formatSignatureLine, type Note, type NoteKey, parseNote, verifyNote } from '../../protocol/signed-note.ts';
import { sha256 } from '../log-tiles.ts';
import type { WitnessState } from './witness-state.ts';

/** How requests to {@link ADD_CHECKPOINT_PATH} end; counted. */
export type Outcome =
  | 'cosigned'
  /** 400: not a request of this form. */
  | 'malformed'
  /** 404: the witness does not watch that log. */
  | 'unknown-log'
  /** 403: the log did not sign it. */
  | 'bad-signature'
  /** 409: not from the size that was cosigned last; what an honest log runs into when its answer was lost. */
  | 'other-size'
  /** 409: the log signed two roots for one size. */
  | 'fork'
  /** 422: the larger tree does not extend the one cosigned last, or is not shown to. */
  | 'inconsistent';

export interface Answer {
  readonly outcome: Outcome;
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface WitnessConfig {
  readonly cosigner: Cosigner;
  /** Keys of the logs that it watches; several of one name are one log that changes its key. */
  readonly logs: readonly NoteKey[];
  readonly state: WitnessState;
  /** Seconds since 1970. */
  readonly clock: () => number;
  readonly verify?: Verify;
}

export interface Witness {
  /** Answers one request body. Throws only what the state throws (`unavailable`), having promised nothing. */
  addCheckpoint(body: string): Answer;
}

const TEXT = 'text/plain; charset=utf-8';
const EMPTY = { size: 0, root: rootOf([]) };

export function openWitness({ cosigner, logs, state, clock, verify }: WitnessConfig): Witness {
  /** The steps in the order of the specification; each may end the request. */
  function addCheckpoint(body: string): Answer {
    let request: AddCheckpoint;
    let note: Note;
    let head: Checkpoint;
    try {
      request = parseAddCheckpoint(body);
      note = parseNote(request.checkpoint);
      head = parseCheckpoint(note.text);
    } catch (error) {
      if (!isFault(error)) throw error;
      return refusal('malformed', 400, error.message);
    }
    const keys = logs.filter(({ name }) => name === head.origin);
    if (keys.length === 0) return refusal('unknown-log', 404, 'this log is not watched here');
    try {
      verifyNote(note, keys, verify);
    } catch (error) {
      if (!isFault(error)) throw error;
      return refusal('bad-signature', 403, error.message);
    }
    if (request.oldSize > head.size) return refusal('malformed', 400, 'the old size is larger than the checkpoint');
    const latest = state.latest(head.origin);
    const { size, root } = latest ?? EMPTY;
    if (request.oldSize !== size) return sizeAnswer('other-size', size);
    if (head.size === size && !equalBytes(head.root, root)) {
      state.keepEvidence(head.origin, request.checkpoint);
      return sizeAnswer('fork', size);
    }
    const claim = { size1: size, root1: root, size2: head.size, root2: head.root, proof: request.proof };
    if (!verifyConsistency(claim, sha256)) {
      return refusal('inconsistent', 422, 'the proof does not lead from the checkpoint cosigned last to this one');
    }
    // Durable before anything is signed. In one process nothing comes between the look and the swap; if it did, the
    // swap would fail and the client would ask again.
    if (!state.advance(head.origin, latest, head, request.checkpoint)) return sizeAnswer('other-size', size);
    const line = cosign(note.text, cosigner, clock());
    return { outcome: 'cosigned', status: 200, contentType: TEXT, body: formatSignatureLine(line) };
  }

  return { addCheckpoint };
}

function refusal(outcome: Outcome, status: number, reason: string): Answer {
  return { outcome, status, contentType: TEXT, body: `${reason}\n` };
}

/** 409 tells the size cosigned last, from which the client can prove. */
function sizeAnswer(outcome: Outcome, size: number): Answer {
  return { outcome, status: 409, contentType: TREE_SIZE_TYPE, body: `${size}\n` };
}
