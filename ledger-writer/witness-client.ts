/** Asks one witness for its cosignature (C2SP tlog-witness); whatever it answers, or does not, is an outcome. */
import {
  ADD_CHECKPOINT_PATH,
  encodeAddCheckpoint,
  parseSignatureLines,
  parseTreeSize,
  TREE_SIZE_TYPE,
} from '../protocol/add-checkpoint.ts';
import { decodeUtf8 } from '../protocol/bytes.ts';
import { isOfWitness, readCosignature, type WitnessKey } from '../protocol/cosignature.ts';
import { isFault } from '../protocol/fault.ts';
import { type NoteSignature, parseNote } from '../protocol/signed-note.ts';
import type { SignedHead } from './log.ts';

export interface WitnessAddress {
  /** Submission prefix: the part of the URL before `/add-checkpoint`. */
  readonly url: string;
  readonly key: WitnessKey;
}

export type AskOutcome =
  | { readonly kind: 'cosigned'; readonly line: NoteSignature }
  /** No answer in time, or one that says "later". */
  | { readonly kind: 'unreachable' }
  /** It does not know this log or its key, or answers what is no answer. */
  | { readonly kind: 'refused' }
  /** It cosigned a larger tree, or one that this checkpoint does not extend: somebody has signed two logs. */
  | { readonly kind: 'conflict' }
  /** The log has signed a larger tree in the meantime. */
  | { readonly kind: 'outdated' };

/** Octets of an answer that are read; a cosignature has about 150. */
const MAX_ANSWER = 16 * 1024;

/** Times that a 409 is followed by another try: others may submit the log's checkpoints too. */
const MAX_TRIES = 4;

/** Consistency proof to the checkpoint that is asked about, or undefined when it is outdated. */
export type Prove = (size1: number) => Promise<readonly Uint8Array[] | undefined>;

export class WitnessClient {
  readonly address: WitnessAddress;
  readonly #timeoutMs: number;
  /** What the witness cosigned last, as far as known; 0 makes it tell. */
  #size = 0;

  constructor(address: WitnessAddress, timeoutMs: number) {
    this.address = address;
    this.#timeoutMs = timeoutMs;
  }

  /** Never rejects but for `prove`; ends within the timeout, all tries together, or when the signal stops it. */
  async ask(head: SignedHead, prove: Prove, stop: AbortSignal): Promise<AskOutcome> {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(this.#timeoutMs)]);
    const { size } = head.checkpoint;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const oldSize = this.#size;
      if (oldSize > size) return { kind: 'conflict' };
      const proof = await prove(oldSize);
      if (proof === undefined) return { kind: 'outdated' };
      const answer = await this.#post(encodeAddCheckpoint({ oldSize, proof, checkpoint: head.note }), signal);
      if (answer === undefined || answer.status >= 500 || answer.status === 429) return { kind: 'unreachable' };
      if (answer.status === 200) {
        const line = this.#lineOf(parseNote(head.note).text, answer.body);
        if (line === undefined) return { kind: 'refused' };
        this.#size = size;
        return { kind: 'cosigned', line };
      }
      if (answer.status === 422) return { kind: 'conflict' };
      const known = answer.status === 409 && answer.type === TREE_SIZE_TYPE ? sizeIn(answer.body) : undefined;
      if (known === undefined) return { kind: 'refused' };
      this.#size = known;
      if (known > size || known === oldSize) return this.#forget('conflict');
    }
    return { kind: 'unreachable' };
  }

  /** Whatever it said, next time it is asked anew. */
  #forget(kind: 'conflict'): AskOutcome {
    this.#size = 0;
    return { kind };
  }

  #lineOf(text: string, body: string): NoteSignature | undefined {
    try {
      const { key } = this.address;
      return parseSignatureLines(text, body).find(
        (line) => isOfWitness(line, key) && readCosignature(text, line, key) !== undefined,
      );
    } catch (error) {
      if (!isFault(error)) throw error;
      return undefined;
    }
  }

  async #post(body: string, signal: AbortSignal): Promise<{ status: number; type: string; body: string } | undefined> {
    try {
      const url = this.address.url.replace(/\/$/, '') + ADD_CHECKPOINT_PATH;
      const answer = await fetch(url, { method: 'POST', body, signal, redirect: 'error' });
      const type = answer.headers.get('content-type') ?? '';
      return { status: answer.status, type, body: decodeUtf8(await readSome(answer)) };
    } catch {
      return undefined; // refused, reset, timed out, too long, not UTF-8: nothing that can be told apart reliably
    }
  }
}

function sizeIn(body: string): number | undefined {
  try {
    return parseTreeSize(body);
  } catch (error) {
    if (!isFault(error)) throw error;
    return undefined;
  }
}

/** The body, unless it is longer than any honest one; throws then. */
async function readSome(answer: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body ?? []) {
    length += chunk.length;
    if (length > MAX_ANSWER) throw new Error('longer than is read');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
