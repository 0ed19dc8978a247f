/**
 * Who a request is from: a session cookie that a one-time link was exchanged for, or a request signed with a patient's
 * key. Sessions live in memory: after a restart people follow a new link.
 */
import { randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { encodeBase32 } from '../../protocol/bytes.ts';
import type { Verify } from '../../protocol/cose.ts';
import { Fault } from '../../protocol/fault.ts';
import { thumbprint } from '../../protocol/keys.ts';
import { openRequest, REQUEST_WINDOW_MS } from '../../protocol/signed-request.ts';
import type { Clock, Instant } from '../../protocol/time.ts';
import { hashSecret } from '../record/agents.ts';
import type { RecordStore } from '../record/record-sqlite.ts';
import type { Identity } from '../sight.ts';

export const SESSION_COOKIE = 'veravita_session';
const LINK_VALID_MS = 24 * 60 * 60_000;
const SESSION_VALID_MS = 12 * 60 * 60_000;

interface Issued {
  readonly who: Identity;
  readonly expiresAt: Instant;
}

export type Sessions = ReturnType<typeof createSessions>;

export function createSessions(store: RecordStore, clock: Clock, verify: Verify) {
  const links = new Map<string, Issued>();
  const sessions = new Map<string, Issued>();
  const nonces = new Map<string, Instant>();

  const key = (secret: string) => Buffer.from(hashSecret(secret)).toString('base64url');

  function issue(into: Map<string, Issued>, who: Identity, validMs: number): string {
    const secret = encodeBase32(randomBytes(20));
    into.set(key(secret), { who, expiresAt: clock() + validMs });
    return secret;
  }

  function find(from: Map<string, Issued>, secret: string): Identity | undefined {
    const issued = from.get(key(secret));
    return issued && clock() < issued.expiresAt ? issued.who : undefined;
  }

  function requestSigner(request: FastifyRequest): Identity {
    const target = { method: request.method, path: request.url };
    const { publicKey, nonce } = openRequest(request.headers.authorization!, target, clock(), verify);
    forgetNonces();
    const seen = Buffer.from(nonce).toString('base64url');
    if (nonces.has(seen)) throw new Fault('expired', 'this signed request was used before');
    nonces.set(seen, clock());
    const patient = store.patients.bySubject(thumbprint(publicKey));
    const print = patient && thumbprint(publicKey);
    const active =
      patient && store.consents.state(patient).keys.some((k) => !k.revokedAt && same(k.thumbprint, print!));
    if (!patient || !active) throw new Fault('not-permitted', 'not a key of a patient here');
    return { role: 'patient', patient: patient.id };
  }

  function forgetNonces(): void {
    for (const [nonce, at] of nonces) {
      if (clock() - at <= 2 * REQUEST_WINDOW_MS) return; // oldest first
      nonces.delete(nonce);
    }
  }

  return {
    /** Secret of a link that signs this person in once. */
    createLink: (who: Identity) => issue(links, who, LINK_VALID_MS),

    /** Exchanges a link for a session; `undefined` when it is unknown, used or out of time. */
    signIn(link: string): { readonly secret: string; readonly who: Identity } | undefined {
      const who = find(links, link);
      links.delete(key(link));
      return who && { secret: issue(sessions, who, SESSION_VALID_MS), who };
    },

    /** The person behind a request. Throws `not-permitted` or `expired` for a bad signature, nothing for none at all. */
    identify(request: FastifyRequest): Identity | undefined {
      if (request.headers.authorization) return requestSigner(request);
      const secret = request.cookies[SESSION_COOKIE];
      return secret ? find(sessions, secret) : undefined;
    },
  };
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
