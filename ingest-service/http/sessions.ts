/**
 * Who a request is from: a session cookie that a one-time link was exchanged for, or a request signed with a patient's
 * key. Sessions live in memory: after a restart people follow a new link.
 */
import { randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { encodeBase32, encodeBase64Url, equalBytes } from '../../protocol/bytes.ts';
import type { ConsentKey } from '../../protocol/consent-chain.ts';
import type { Verify } from '../../protocol/cose.ts';
import { Fault } from '../../protocol/fault.ts';
import { type OpenedRequest, openRequest } from '../../protocol/signed-request.ts';
import type { Clock, Instant } from '../../protocol/time.ts';
import type { Identity } from '../identity.ts';
import { hashSecret } from '../record/agents.ts';
import type { Patient } from '../record/patients.ts';
import type { RecordStore } from '../record/record-sqlite.ts';

export const SESSION_COOKIE = 'veravita_session';
const LINK_VALID_MS = 24 * 60 * 60_000;
const SESSION_VALID_MS = 12 * 60 * 60_000;

interface Issued {
  readonly who: Identity;
  readonly expiresAt: Instant;
}

export type Sessions = ReturnType<typeof createSessions>;

export interface SessionsDeps {
  readonly store: RecordStore;
  readonly clock: Clock;
  /** Milliseconds from any origin; never goes back, and nobody sets it. */
  readonly monotonic: () => number;
  readonly verify: Verify;
}

export function createSessions({ store, clock, monotonic, verify }: SessionsDeps) {
  const links = new Map<string, Issued>();
  const sessions = new Map<string, Issued>();
  const began = monotonic();

  const key = (secret: string) => encodeBase64Url(hashSecret(secret));

  function issue(into: Map<string, Issued>, who: Identity, validMs: number): string {
    const secret = encodeBase32(randomBytes(20));
    for (const [old, { expiresAt }] of into) if (expiresAt <= clock()) into.delete(old);
    into.set(key(secret), { who, expiresAt: clock() + validMs });
    return secret;
  }

  function find(from: Map<string, Issued>, secret: string): Identity | undefined {
    const issued = from.get(key(secret));
    return issued && clock() < issued.expiresAt ? issued.who : undefined;
  }

  /** Beside GET, only where the route hands over the body's octets: the signature covers them. */
  function requestSigner(request: FastifyRequest, body: Uint8Array | undefined): Identity {
    if (request.method !== 'GET' && !body) throw new Fault('not-permitted', 'only GET can be signed here');
    const target = { method: request.method, path: request.url, ...(body && { body }) };
    const opened = openRequest(request.headers.authorization!, target, clock(), verify);
    const patient = holderOf(opened.publicKey);
    if (!patient) throw new Fault('not-permitted', 'not a key of a patient here');
    useOnce(opened);
    return { role: 'patient', patient: patient.id };
  }

  function holderOf(publicKey: Uint8Array): Patient | undefined {
    const isActive = (key: ConsentKey) => key.revokedAt === undefined && equalBytes(key.publicKey, publicKey);
    return store.patients.all().find((patient) => store.consents.state(patient).keys.some(isActive));
  }

  /** Durable when it returns. Throws `expired`, and `unavailable` when the disk refuses. */
  function useOnce({ nonce, at }: OpenedRequest): void {
    // Where an older record was put back, it does not know what was used before the start. When that was is said by the
    // clock of now: it may have been set since.
    const startedAt = Math.floor(clock() - (monotonic() - began));
    if (at < startedAt) throw new Fault('expired', 'signed before the service started');
    if (!store.transaction(() => store.requestNonces.claim(nonce, at))) {
      throw new Fault('expired', 'this signed request was used before');
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

    /**
     * The person behind a request; `body`: its octets as they came, where a request with a body may be signed. Throws
     * `not-permitted` or `expired` for a bad signature, nothing for none at all.
     */
    identify(request: FastifyRequest, body?: Uint8Array): Identity | undefined {
      if (request.headers.authorization) return requestSigner(request, body);
      return identifyCookie(request);
    },

    /** Ends all sessions and links of a patient. */
    forget(patient: string): void {
      for (const issued of [links, sessions]) {
        for (const [secret, { who }] of issued) {
          if (who.role === 'patient' && who.patient === patient) issued.delete(secret);
        }
      }
    },

    /** The key that signed a request, whoever's it is; throws what {@link openRequest} throws. */
    signerOf(request: FastifyRequest): Uint8Array | undefined {
      if (request.method !== 'GET' || !request.headers.authorization) return undefined;
      const target = { method: request.method, path: request.url };
      return openRequest(request.headers.authorization, target, clock(), verify).publicKey;
    },

    /** Is the session of a long request still good? A signed request was good when it came. */
    isOpen: (request: FastifyRequest): boolean =>
      request.headers.authorization !== undefined || identifyCookie(request) !== undefined,
  };

  function identifyCookie(request: FastifyRequest): Identity | undefined {
    const secret = request.cookies[SESSION_COOKIE];
    return secret ? find(sessions, secret) : undefined;
  }
}
