/** One patient's record as the patient gets it: through FHIR, receipts, consent events and disclosures of the public API. */
import { readHeader } from '../../protocol/batch.ts';
import { decodeBase64Url } from '../../protocol/bytes.ts';
import type { Signer, Verify } from '../../protocol/cose.ts';
import { Fault, isFault } from '../../protocol/fault.ts';
import { decodeReceipt } from '../../protocol/receipt.ts';
import { parseTlogProof } from '../../protocol/tlog-proof.ts';
import type { Trust } from '../../protocol/trust.ts';
import { type Verdict, verifyReceipt } from '../../protocol/verify.ts';
import { createPatientClient, type DisclosureView, type PatientClient } from '../patient-client.ts';

/** The parts of a FHIR R4 Observation that are compared. */
export interface ObservationView {
  readonly id: string;
  /** Of a reading that was corrected it is another, and so is what is shown. */
  readonly status: string;
  readonly meta: { readonly lastUpdated: string };
  readonly subject: { readonly reference: string };
  readonly effectiveDateTime?: string;
  readonly valueQuantity?: { readonly value: number; readonly code?: string };
}

/** A reading with its receipt, or why there is none. */
export interface AuditedReading {
  readonly id: string;
  readonly observation: ObservationView;
  readonly proven?: ProvenReading;
  /** Code of the refusal; `missing` while it is in no signed checkpoint. */
  readonly refused?: string;
}

export interface ProvenReading {
  readonly verdict: Verdict;
  readonly header: ReturnType<typeof readHeader>;
  readonly index: number;
  readonly logIndex: number;
}

export interface PatientRecord {
  /** Name of the key file. */
  readonly slug: string;
  readonly id: string;
  readonly name: string;
  readonly subject: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly readings: readonly AuditedReading[];
  /** Consent events as signed, in order. */
  readonly events: readonly Uint8Array[];
  /** Oldest first. */
  readonly disclosures: readonly DisclosureView[];
  /** What this audit itself was shown, in order: it must be in the list. */
  readonly shown: readonly { readonly kind: 'search' | 'receipt'; readonly count: number }[];
  /** Number of the newest disclosure before the audit looked. */
  readonly shownAfter: number;
}

export interface ReadOptions {
  readonly url: string;
  readonly slug: string;
  readonly signer: Signer;
  readonly trust: Trust;
  readonly verify: Verify;
  readonly onProgress: (readings: number) => void;
}

const PAGE = 1000;
const ABREAST = 8;

/** Throws `not-permitted` when the key is of no patient in this record, and what the service refuses with. */
export async function readPatientRecord(options: ReadOptions): Promise<PatientRecord> {
  const { url, slug, signer } = options;
  const client = createPatientClient(url, signer, Date.now);
  const consent = await client.get<{ id: string; subject: string; publicKey: string; events: string[] }>(
    '/api/patient/consent',
  );
  const { name } = await client.get<{ name: string }>('/api/patient/overview');
  const shownAfter = (await client.disclosures())[0]?.seq ?? 0;
  const shown: { kind: 'search' | 'receipt'; count: number }[] = [];
  const observations = await readObservations(
    client,
    consent.id,
    (count) => void shown.push({ kind: 'search', count }),
  );
  const readings: AuditedReading[] = [];
  for (let next = 0; next < observations.length; next += ABREAST) {
    const group = observations.slice(next, next + ABREAST);
    readings.push(...(await Promise.all(group.map((observation) => readReceipt(client, observation, options)))));
    options.onProgress(readings.length);
  }
  for (const { proven, refused } of readings) {
    // A refusal for want of a checkpoint comes after the note that the reading is about to be shown.
    if (proven || refused === 'missing') shown.push({ kind: 'receipt', count: 1 });
  }
  return {
    slug,
    id: consent.id,
    name,
    subject: decodeBase64Url(consent.subject),
    publicKey: decodeBase64Url(consent.publicKey),
    readings,
    events: consent.events.map(decodeBase64Url),
    disclosures: await readDisclosures(client),
    shown,
    shownAfter,
  };
}

async function readObservations(client: PatientClient, patient: string, onPage: (count: number) => void) {
  const found: ObservationView[] = [];
  let path: string | undefined = `/fhir/R4/Observation?patient=${patient}&_sort=date&_count=${PAGE}`;
  while (path !== undefined) {
    const page: SearchSet = await client.get<SearchSet>(path);
    const resources = (page.entry ?? []).map(({ resource }) => resource);
    found.push(...resources);
    if (resources.length > 0) onPage(resources.length);
    const next = page.link?.find(({ relation }) => relation === 'next')?.url;
    path = next && new URL(next).pathname + new URL(next).search;
  }
  return found;
}

interface SearchSet {
  readonly entry?: readonly { readonly resource: ObservationView }[];
  readonly link?: readonly { readonly relation: string; readonly url: string }[];
}

async function readReceipt(client: PatientClient, observation: ObservationView, { trust, verify }: ReadOptions) {
  const { id } = observation;
  try {
    const text = JSON.stringify(await client.get<object>(`/api/patient/receipts/${id}`));
    const { header, index, logProof } = decodeReceipt(text);
    const verdict = verifyReceipt(text, trust, verify);
    const proven = { verdict, index, header: readHeader(header), logIndex: parseTlogProof(logProof).index };
    return { id, observation, proven };
  } catch (error) {
    if (!isFault(error)) throw error;
    return { id, observation, refused: error.code };
  }
}

async function readDisclosures(client: PatientClient): Promise<DisclosureView[]> {
  const all: DisclosureView[] = [];
  for (let before: number | undefined; ; ) {
    const path: string = `/api/patient/disclosures${before === undefined ? '' : `?before=${before}`}`;
    const { disclosures } = await client.get<{ disclosures: DisclosureView[] }>(path);
    all.push(...disclosures);
    const last = disclosures.at(-1)?.seq;
    if (last === undefined || last <= 1) return all.reverse();
    if (before !== undefined && last >= before) throw new Fault('inconsistent', 'the list of disclosures does not end');
    before = last;
  }
}
