/**
 * Corrections: what a patient or a practitioner finds to be wrong, and what became of a reading, for who holds a receipt of
 * it. A receipt is proof enough: its salt and body are told to nobody else.
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { leafHash, parseReadingId, readHeader } from '../../protocol/batch.ts';
import { decodeBase64Url, equalBytes } from '../../protocol/bytes.ts';
import { CORRECTION_ACTS, CORRECTION_REASONS } from '../../protocol/correction-leaf.ts';
import { parseDecimal } from '../../protocol/decimal.ts';
import { Fault } from '../../protocol/fault.ts';
import { decodeId, encodeId, thumbprint } from '../../protocol/keys.ts';
import { decodeLeaf } from '../../protocol/leaf.ts';
import { decodeReceipt, type Receipt } from '../../protocol/receipt.ts';
import { encodeSupersession } from '../../protocol/supersession.ts';
import { classOf } from '../identity.ts';
import { supersessionOf } from '../receipts.ts';
import { asReading } from '../record/segments.ts';
import { requireIdentity } from './access.ts';
import type { AppDeps } from './app.ts';
import { parseBody } from './body.ts';

const SignedBody = z.strictObject({ correction: z.string().max(8192), publicKey: z.string().length(43) });
const ToldBody = z.strictObject({
  reading: z.string().max(64),
  act: z.enum(CORRECTION_ACTS),
  reason: z.enum(CORRECTION_REASONS),
  value: z.string().max(32).optional(),
  measuredAt: z.iso.datetime({ offset: true }).optional(),
});
const ReceiptBody = z.strictObject({ receipt: z.string() });

export function addCorrectionRoutes(app: FastifyInstance, deps: AppDeps): void {
  const { store, sight, sessions, correcting, clock, onCorrected, receiptSources } = deps;

  // It speaks for itself: it is checked from the patient's keys, whoever brings it.
  app.post('/api/patient/corrections', (request, reply) => {
    const body = parseBody(SignedBody, request.body);
    const publicKey = decodeBase64Url(body.publicKey);
    const print = thumbprint(publicKey);
    const patient = store.patients
      .all()
      .find((one) => store.consents.state(one).keys.some((key) => !key.revokedAt && equalBytes(key.thumbprint, print)));
    if (!patient) throw new Fault('bad-signature', 'correction signature does not hold');
    correcting.byPatient(patient, decodeBase64Url(body.correction), publicKey);
    onCorrected(patient);
    return reply.code(201).send({});
  });

  // Who may see a reading for treatment may say that it is wrong; the patient sees that it was seen, and who corrected.
  app.post('/api/clinic/corrections', (request, reply) => {
    const who = requireIdentity(sessions, request);
    const { reading: id, act, reason, value, measuredAt } = parseBody(ToldBody, request.body);
    const reading = who.role === 'practitioner' ? sight.read(who, id) : undefined;
    const patient = reading && store.patients.bySubject(reading.leaf.subject);
    if (!reading || !patient) throw new Fault('not-found', 'no such reading');
    const { subject, device, test } = reading.leaf;
    correcting.byPractitioner(patient, {
      kind: 'correction',
      ...{ subject, device, test, act, reason },
      batch: decodeId(reading.batch),
      index: reading.index,
      correctedAt: clock(),
      ...(value !== undefined && { value: parseDecimal(value) }),
      ...(measuredAt !== undefined && { measuredAt: Date.parse(measuredAt) }),
    });
    onCorrected(patient);
    return reply.code(201).send({});
  });

  // The answer to anybody who holds no receipt of it is that to a reading that never was.
  app.post('/api/receipts/status', async (request, reply) => {
    const receipt = decodeReceipt(parseBody(ReceiptBody, request.body).receipt);
    const batch = encodeId(readHeader(receipt.header).id);
    if (!isHeld(receipt, batch)) throw new Fault('not-found', 'no such reading');
    if (store.tombstones.covers(batch, receipt.index)) return { state: 'erased' };
    const owner = store.segments.ownerOf(batch, receipt.index);
    const patient = owner === undefined ? undefined : store.patients.byId(owner);
    const kept = patient && store.segments.leaf(patient, batch, receipt.index);
    if (!patient || !kept) throw new Fault('not-found', 'no such reading');
    if (store.corrections.ofReading(patient, batch, receipt.index).length === 0) return { state: 'current' };
    const reading = asReading(batch, kept);
    const supersession = encodeSupersession(await supersessionOf(receiptSources, reading));
    const holder = { who: 'receipt', role: 'holder', purpose: 'PATRQT', grants: [], count: 1 };
    const classes = [classOf(reading.leaf.vital)];
    store.transaction(() => store.disclosures.append(patient, { at: clock(), kind: 'receipt', ...holder, classes }));
    return reply.send({ state: 'superseded', supersession: JSON.parse(supersession) });
  });

  function isHeld({ index, salt, body }: Receipt, batch: string): boolean {
    const place = parseReadingId(`${batch}.${index}`);
    const hashes = place && store.batches.leafHashes(batch);
    if (!hashes || decodeLeaf(body).kind !== 'reading') return false;
    return equalBytes(leafHash(salt, body), hashes.subarray(32 * index, 32 * index + 32));
  }
}
