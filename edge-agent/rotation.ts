/**
 * A new signing key, in steps each of which is durable and may be taken again after a crash:
 *
 * 1. *wanted*: the service's command is in the database;
 * 2. *made*: the new key and its broker password are in a file;
 * 3. *signed*: the old key's last word, which names its last batch, is in the database, and the state is the new key's. From
 *    here the old key signs nothing, and new batches wait behind those of the old one;
 * 4. *accepted*: the service countersigned. It answers the same however often it is asked;
 * 5. *placed*: the new key is in the file of the old one, which is gone;
 * 6. *enrolled*: the enrolment names the new key and credential;
 * 7. *done*: the database forgets the rotation; what is left of the file of step 2 goes.
 */
import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { decodeBase64Url, encodeBase64Url, equalBytes } from '../protocol/bytes.ts';
import { createSigner } from '../protocol/cose.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import { Fault } from '../protocol/fault.ts';
import { openKeyEvent, signRotation } from '../protocol/key-event.ts';
import { thumbprint } from '../protocol/keys.ts';
import type { Clock } from '../protocol/time.ts';
import { transact } from './database.ts';
import { type Enrolled, extendEnrolment } from './enrol.ts';
import type { Identity } from './identity.ts';
import { SIGNING_KEY, writeSecret } from './keys.ts';
import type { Log } from './log.ts';
import { makeNextKey, NEXT_KEY, type NextKey } from './next-key.ts';
import type { Outbox } from './outbox.ts';
import type { PublisherTuning } from './publisher.ts';
import type { SecretFiles } from './secret-files.ts';
import { type AgentTls, post } from './service-post.ts';

export type RotationStep = 'wanted' | 'made' | 'signed' | 'accepted' | 'placed' | 'enrolled' | 'done';

export interface RotationOptions {
  readonly db: DatabaseSync;
  readonly files: SecretFiles;
  readonly identity: Identity;
  readonly outbox: Outbox;
  readonly serviceUrl: string;
  readonly tls?: AgentTls;
  readonly enrolled: Pick<Enrolled, 'serviceKey'>;
  readonly realNow: Clock;
  readonly publishing: Pick<PublisherTuning, 'retryMs'>;
  /** Runs work while no batch is being sealed. */
  readonly undisturbed: (work: () => void) => Promise<void>;
  /** The service knows the agent under its new name. */
  readonly onSwitched: () => Promise<void>;
  readonly onFailure: (error: unknown) => void;
  /** Told after each durable step. */
  readonly onRotationStep?: (step: RotationStep) => void;
  readonly log: Log;
}

export class Rotation {
  readonly #options: RotationOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: RotationOptions) {
    this.#options = options;
  }

  /** Puts down that the service wants a new key; the caller holds the transaction. One at a time: a second wish is the first. */
  want(): void {
    this.#options.db.prepare('INSERT OR IGNORE INTO key_rotation (one) VALUES (1)').run();
  }

  /** Goes on from where it stands, if one is wanted. */
  resume(): void {
    if (this.#stop.signal.aborted || !this.#row()) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #row(): { readonly signed: Uint8Array | null } | undefined {
    return this.#options.db.prepare('SELECT signed FROM key_rotation').get() as
      | { signed: Uint8Array | null }
      | undefined;
  }

  async #run(): Promise<void> {
    const { files, identity, undisturbed, onSwitched, onFailure, log } = this.#options;
    try {
      this.#told('wanted');
      const next = makeNextKey(files);
      this.#told('made');
      if (!this.#row()?.signed) await undisturbed(() => this.#sign(next));
      const signed = this.#row()?.signed;
      if (!signed || this.#stop.signal.aborted) return;
      this.#told('signed');
      const keyEvent = await this.#ask(signed);
      if (keyEvent === undefined) return;
      this.#told('accepted');
      this.#place(next, keyEvent);
      identity.connectAs(next.password);
      log.info({}, 'the signing key was replaced');
      await onSwitched();
    } catch (error) {
      if (!this.#stop.signal.aborted) onFailure(error);
    }
  }

  /** The old key's last word. */
  #sign(next: NextKey): void {
    if (this.#stop.signal.aborted) return;
    const { db, identity, outbox, realNow } = this.#options;
    const { agent, signer } = identity.sealing;
    const newKey = createSigner(next.seed);
    const terms = {
      lastSequence: outbox.lastSequence,
      lastBatch: outbox.previous,
      at: realNow(),
      credentialHash: new Uint8Array(createHash('sha256').update(next.password).digest()),
    };
    const signed = signRotation(terms, signer, newKey);
    transact(db, () => {
      db.prepare('UPDATE key_rotation SET signed = ?').run(signed);
      db.prepare('INSERT INTO earlier_keys (agent, last_sequence) VALUES (?, ?)').run(agent, terms.lastSequence);
      db.prepare('UPDATE state SET agent = ?').run(thumbprint(newKey.publicKey));
    });
    // Durable line: from here the old key signs nothing.
    identity.sealWith(next);
  }

  /** Asks until there is an answer; `undefined` when it stops before, or is refused for good. */
  async #ask(signed: Uint8Array): Promise<string | undefined> {
    const { serviceUrl, enrolled, tls, log } = this.#options;
    const { retryMs } = this.#options.publishing;
    const url = new URL('/agent/rotation', serviceUrl);
    for (let pauseMs = retryMs.first; !this.#stop.signal.aborted; pauseMs = Math.min(retryMs.longest, 2 * pauseMs)) {
      try {
        const { keyEvent } = JSON.parse(await post(url, { rotation: encodeBase64Url(signed) }, tls)) as {
          keyEvent: string;
        };
        const event = openKeyEvent(decodeBase64Url(keyEvent), enrolled.serviceKey, verifyEd25519);
        if (event.type === 'rotation' && equalBytes(event.signedRotation, signed)) return keyEvent;
        throw new Fault('malformed', 'the service countersigned another rotation');
      } catch (error) {
        if (this.#stop.signal.aborted) return undefined;
        if (error instanceof Fault && error.code !== 'unavailable') {
          // Batches of the new key stay here until people have looked; a restart asks again.
          log.error({ code: error.code }, 'the service refused the new signing key');
          return undefined;
        }
        await sleep(pauseMs, this.#stop.signal);
      }
    }
    return undefined;
  }

  #place(next: NextKey, keyEvent: string): void {
    const { db, files } = this.#options;
    writeSecret(files, SIGNING_KEY, next.seed);
    this.#told('placed');
    extendEnrolment(files, keyEvent, next.password);
    this.#told('enrolled');
    db.prepare('DELETE FROM key_rotation').run();
    this.#told('done');
    files.remove(NEXT_KEY);
  }

  #told(step: RotationStep): void {
    this.#options.onRotationStep?.(step);
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
  });
}
