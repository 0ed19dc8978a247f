/** A patient's side of consent over HTTP: reads with signed requests, writes signed events that nobody else can make. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { decodeBase32, decodeBase64Url, encodeBase64Url, encodeUtf8 } from '../protocol/bytes.ts';
import { formatGrantId } from '../protocol/consent-chain.ts';
import { type ConsentEvent, type GrantTerms, signConsentEvent } from '../protocol/consent-event.ts';
import type { Signer } from '../protocol/cose.ts';
import { Fault } from '../protocol/fault.ts';
import { thumbprint } from '../protocol/keys.ts';
import { signRequest } from '../protocol/signed-request.ts';
import type { Clock } from '../protocol/time.ts';

/** `GET /api/patient/consent`, as far as it is used here. */
export interface ConsentView {
  readonly seq: number;
  readonly head: string;
  readonly grants: readonly GrantView[];
  readonly staff: readonly { readonly id: string; readonly name?: string; readonly occupation?: string }[];
}

export interface GrantView {
  readonly id: string;
  readonly action: 'collect' | 'disclose';
  readonly classes: readonly string[];
  readonly grantee?: { readonly id: string; readonly name?: string };
  readonly purposes?: readonly string[];
  /** Collect only: handle of the one device, hex. */
  readonly device?: string;
  readonly from: string;
  readonly to?: string;
  readonly revokedAt?: string;
}

export interface DisclosureView {
  readonly seq: number;
  readonly at: string;
  readonly kind: string;
  readonly role: string;
  readonly who: { readonly id: string; readonly name?: string };
  readonly purpose: string;
  readonly classes: readonly string[];
  readonly count: number;
  readonly reason?: string;
  /** The reason as a sentence. */
  readonly why?: string;
}

export type PatientClient = ReturnType<typeof createPatientClient>;

type EventBody = ConsentEvent extends infer E
  ? E extends unknown
    ? Omit<E, 'subject' | 'seq' | 'previous' | 'at' | 'key'>
    : never
  : never;

/** Every call throws a {@link Fault}: `unavailable` when the service is not there, else what it refused with. */
export function createPatientClient(serviceUrl: string, signer: Signer, clock: Clock) {
  async function get<T>(path: string): Promise<T> {
    const authorization = signRequest({ method: 'GET', path }, clock(), new Uint8Array(randomBytes(16)), signer);
    return (await send(serviceUrl + path, { headers: { authorization } })) as T;
  }

  /** A request with a body, which the signature covers. */
  async function post<T>(path: string, body: object): Promise<T> {
    const text = JSON.stringify(body);
    const target = { method: 'POST', path, body: encodeUtf8(text) };
    const authorization = signRequest(target, clock(), new Uint8Array(randomBytes(16)), signer);
    const headers = { authorization, 'content-type': 'application/json' };
    return (await send(serviceUrl + path, { method: 'POST', headers, body: text })) as T;
  }

  async function append(body: EventBody): Promise<{ readonly erasure?: string }> {
    const { seq, head } = await get<ConsentView>('/api/patient/consent');
    const key = thumbprint(signer.publicKey);
    const link = { subject: key, seq: seq + 1, previous: decodeBase64Url(head), at: clock(), key };
    const event = encodeBase64Url(signConsentEvent({ ...link, ...body } as ConsentEvent, signer));
    const headers = { 'content-type': 'application/json' };
    const request = { method: 'POST', headers, body: JSON.stringify({ event }) };
    return (await send(`${serviceUrl}/api/consent/events`, request)) as { erasure?: string };
  }

  return {
    get,
    post,

    consent: () => get<ConsentView>('/api/patient/consent'),

    disclosures: async () => (await get<{ disclosures: DisclosureView[] }>('/api/patient/disclosures')).disclosures,

    /** Grants; the answer is the grant's id. */
    async grant(terms: GrantTerms): Promise<string> {
      const grant = new Uint8Array(randomBytes(16));
      await append({ type: 'grant', grant, terms });
      return formatGrantId(grant);
    },

    revoke: async (grantId: string): Promise<void> => {
      await append({ type: 'revoke', grant: decodeBase32(grantId) });
    },

    /** Erases everything of the patient; the answer is the erasure's id, for {@link certificate}. */
    async erase(): Promise<string> {
      const { erasure } = await append({ type: 'erase' });
      if (erasure === undefined) throw new Fault('malformed', 'the service named no erasure');
      return erasure;
    },

    /** The newest certificate of an erasure; throws `missing` until it is in a signed checkpoint. */
    async certificate(erasure: string): Promise<string> {
      return `${JSON.stringify(await send(`${serviceUrl}/api/erasures/${erasure}`, {}), null, 2)}\n`;
    },

    /**
     * Lets browsers sign that prove the secret of their one-time link: the service passes their keys on but does not know
     * the secret, so it cannot bring in a key of its own.
     */
    async admitBrowsers(linkSecret: Uint8Array): Promise<number> {
      const { requests } = await get<{ requests: { publicKey: string; proof: string }[] }>('/api/patient/key-requests');
      let admitted = 0;
      for (const { publicKey, proof } of requests) {
        const key = decodeBase64Url(publicKey);
        const expected = createHmac('sha256', linkSecret).update(key).digest();
        const given = decodeBase64Url(proof);
        if (given.length !== expected.length || !timingSafeEqual(expected, given)) continue;
        await append({ type: 'key-add', publicKey: key });
        admitted++;
      }
      return admitted;
    },
  };
}

async function send(url: string, init: RequestInit): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch {
    throw new Fault('unavailable', `no service answers at ${new URL(url).origin}`, 'later');
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return body;
  const { code, title } = (body ?? {}) as { code?: string; title?: string };
  throw new Fault((code ?? 'unavailable') as Fault['code'], title ?? `the service answered ${response.status}`);
}
