/**
 * Writes `format.json`: test vectors of docs/format.md for implementations in other languages. Run by hand after a change
 * of the format (`node test/vectors/make-format-vectors.ts`); a test holds that the file is what this makes.
 */
import { writeFileSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { linkDisclosure, openDisclosures } from '../../ingest-service/consent/disclosure.ts';
import { signAcknowledgement } from '../../protocol/acknowledgement.ts';
import { type AgentAction, encodeActions } from '../../protocol/agent-action.ts';
import { ENVELOPE_INFO, leafSalt, type Segment } from '../../protocol/batch.ts';
import { decodeHex, encodeHex, encodeUtf8 } from '../../protocol/bytes.ts';
import { encodeCbor, sensorValueToCbor } from '../../protocol/cbor.ts';
import { signCommand } from '../../protocol/command.ts';
import { commitmentOf } from '../../protocol/commitment.ts';
import { appendEvent, nextLink, openChain } from '../../protocol/consent-chain.ts';
import { type ConsentEvent, readConsentEvent, signConsentEvent } from '../../protocol/consent-event.ts';
import { readSigned, type Signer, toBeSigned } from '../../protocol/cose.ts';
import { encodeWitnessKey } from '../../protocol/cosignature.ts';
import { DOMAINS, type Domain } from '../../protocol/domains.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { readEnrolment } from '../../protocol/enrolment.ts';
import { encodeContent, encodeEnvelope, envelopeAad, hpkeKeyId } from '../../protocol/envelope.ts';
import { erasureMark } from '../../protocol/erasure.ts';
import { type KeyEventWish, readKeyEvent, signKeyEvent, signRotation } from '../../protocol/key-event.ts';
import { encodeId, thumbprint } from '../../protocol/keys.ts';
import { encodeLeaf } from '../../protocol/leaf.ts';
import { encodePosition } from '../../protocol/position.ts';
import { encodeReceipt } from '../../protocol/receipt.ts';
import { type ReportContent, signReport } from '../../protocol/report.ts';
import { encodeVerifierKey } from '../../protocol/signed-note.ts';
import { signRequest } from '../../protocol/signed-request.ts';
import { encodeTrust } from '../../protocol/trust.ts';
import { receiptWithHistory } from '../support/key-history-builder.ts';
import {
  buildBatch,
  cosignReceipt,
  DEVICE,
  HEARD_AT,
  type Heard,
  LOG_INDEX,
  LOG_SIZE,
  OTHER_LEAVES,
  PARTIES,
  PATIENT,
  readingLeaves,
  receiptOf,
  SUBJECT,
  seedOf,
  signerOf,
  trustIn,
  trustWitnesses,
  WITNESSES,
} from '../support/receipt-builder.ts';
import { makeCorrectionVectors, makeErasureVectors } from './make-erasure-vectors.ts';

const { agent, service, log } = PARTIES;
const AT = HEARD_AT + 120_000;
const AGENT = thumbprint(agent.publicKey);

const batch = buildBatch(
  [
    ...readingLeaves({ characteristic: 0x2a37, hex: '06aa' }),
    ...readingLeaves({ characteristic: 0x2a37, hex: '06aa', heardAt: HEARD_AT + 1000 }),
    ...readingLeaves({ characteristic: 0x2a35, hex: '00ff07ff07ff07' }),
    ...readingLeaves({ characteristic: 0x2a1c, hex: '00420e00fe', test: false }),
    ...readingLeaves({ characteristic: 0x2aa7, hex: '06006e000500', sessionStart: 'ea0703010800000400' }),
    ...OTHER_LEAVES,
  ],
  agent,
);

/** Readings that rest on more than their raw bytes, or on advertised data; none of them is in the batch. */
const FURTHER: readonly (Heard & { readonly means: string })[] = [
  {
    means: 'glucose with its context: before a meal',
    characteristic: 0x2a18,
    hex: '120700ea07010108000054b011',
    companion: '02070001',
  },
  {
    means: 'blood pressure of a cuff that claims to detect body movement alone',
    characteristic: 0x2a35,
    hex: '10780050005d002f00',
    feature: '0100',
  },
  {
    means: 'weight in the second of two values of a body composition',
    characteristic: 0x2a9c,
    hex: '0014c8002c3a',
    companion: '0610c800ea07010108000002',
  },
  { means: 'blood pressure from a record', characteristic: 0x2b36, hex: '030700342b00780050006400' },
  { means: 'weight in service data', characteristic: 0xfcd2, hex: '40073e1d', carrier: 'service-data' },
  {
    means: 'heart rate in manufacturer data',
    characteristic: 0x006b,
    hex: '6b003b164446',
    carrier: 'manufacturer-data',
  },
];

const NEARBY = { address: 'c0:01:02:03:04:05', addressType: 'random' } as const;

const ACTIONS: readonly AgentAction[] = [
  { type: 'scan', forMs: 60_000 },
  { type: 'assign', ...NEARBY, subject: SUBJECT },
  { type: 'unassign', device: DEVICE },
  { type: 'passkey', ...NEARBY, passkey: 123_456 },
  { type: 'claim', ...NEARBY, userIndex: 2, subject: SUBJECT },
  { type: 'rotate-key' },
  { type: 'erase', id: new Uint8Array(16).fill(10), mark: erasureMark(new Uint8Array(16).fill(10), SUBJECT) },
];

const REPORTS: readonly ReportContent[] = [
  { type: 'hello', hpkePublicKey: new Uint8Array(32).fill(5) },
  {
    type: 'found',
    devices: [
      { ...NEARBY, name: 'HTEST thermometer', kind: 'thermometer', profile: 'generic', rssi: -60, heardAt: AT },
      { ...NEARBY, addressType: 'public', kind: 'other', profile: 'omron', rssi: -90, heardAt: AT },
    ],
  },
  { type: 'link', ...NEARBY, state: 'proven' },
  { type: 'link', ...NEARBY, state: 'failed', failure: 'not-heard' },
  { type: 'held', users: [{ ...NEARBY, userIndex: 2, count: 3 }] },
  { type: 'erased', id: new Uint8Array(16).fill(10) },
];

function describeKey({ publicKey }: Signer, fill: number) {
  return {
    seed: encodeHex(seedOf(fill)),
    publicKey: encodeHex(publicKey),
    thumbprint: encodeHex(thumbprint(publicKey)),
    id: encodeId(thumbprint(publicKey)),
  };
}

/** Everything of a COSE_Sign1 that an implementation makes on its way to it. */
function describeSigned(domain: Domain, signed: Uint8Array) {
  const { payload } = readSigned(signed);
  return {
    payload: encodeHex(payload),
    toBeSigned: encodeHex(toBeSigned(domain, payload)),
    signed: encodeHex(signed),
  };
}

function describeSegment({ key, start, bodies }: Segment) {
  return {
    key: encodeHex(key),
    start,
    leaves: bodies.map((body, i) => ({
      kind: batch.leaves[start + i]!.kind,
      body: encodeHex(body),
      salt: encodeHex(leafSalt(key, start + i)),
      hash: encodeHex(batch.leafHashes[start + i]!),
    })),
  };
}

/** HPKE with fixed key material, and DEFLATE that only stores (RFC 1951 §3.2.4): both are the same everywhere. */
async function makeEnvelope() {
  const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
  const recipient = await suite.kem.deriveKeyPair(toBuffer(seedOf(5)));
  const publicKey = new Uint8Array(await suite.kem.serializePublicKey(recipient.publicKey));
  const keyId = hpkeKeyId(publicKey);
  const plaintext = encodeContent({ signedHeader: batch.signed.signed, segments: batch.segments });
  const deflated = new Uint8Array(deflateRawSync(plaintext, { level: 0 }));
  const sender = await suite.createSenderContext({
    recipientPublicKey: recipient.publicKey,
    info: toBuffer(ENVELOPE_INFO),
    ekm: toBuffer(seedOf(6)),
  });
  const aad = envelopeAad({ keyId, agent: AGENT });
  const ciphertext = new Uint8Array(await sender.seal(toBuffer(deflated), toBuffer(aad)));
  const encapsulated = new Uint8Array(sender.enc);
  return {
    recipientSecret: encodeHex(new Uint8Array(await suite.kem.serializePrivateKey(recipient.privateKey))),
    recipientPublicKey: encodeHex(publicKey),
    keyId: encodeHex(keyId),
    info: encodeHex(ENVELOPE_INFO),
    plaintext: encodeHex(plaintext),
    deflated: encodeHex(deflated),
    aad: encodeHex(aad),
    envelope: encodeHex(encodeEnvelope({ keyId, agent: AGENT, encapsulated, ciphertext })),
  };
}

function toBuffer(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer as ArrayBuffer;
}

function makeConsent() {
  let state = openChain(SUBJECT, PATIENT.publicKey);
  const grant = new Uint8Array(16).fill(7);
  const terms = { classes: ['heart-rate', 'blood-pressure'], period: { from: AT, to: AT + 86_400_000 } };
  const disclose = { action: 'disclose', grantee: 'Practitioner/eye', purposes: ['TREAT'], ...terms } as const;
  const collect = { action: 'collect', classes: ['*'], period: { from: AT }, device: DEVICE } as const;
  const bodies = [
    { type: 'grant', grant: new Uint8Array(16).fill(6), terms: collect },
    { type: 'grant', grant, terms: { ...disclose, dataFrom: HEARD_AT } },
    { type: 'revoke', grant },
    { type: 'key-add', publicKey: agent.publicKey },
    { type: 'key-revoke', revoked: AGENT },
    { type: 'revoke-all' },
  ] as const;
  const events = bodies.map((body) => {
    const event = { ...nextLink(state), at: AT + state.seq, key: SUBJECT, ...body } as ConsentEvent;
    const signed = signConsentEvent(event, PATIENT);
    state = appendEvent(state, signed, verifyEd25519);
    const id = encodeHex(readConsentEvent(signed).id);
    return { type: body.type, ...describeSigned('consent', signed), id };
  });
  return { subject: encodeHex(SUBJECT), events, head: encodeHex(state.head) };
}

function makeDisclosures() {
  let head = openDisclosures(SUBJECT);
  const act = { at: AT, who: 'Practitioner/eye', role: 'practitioner', purpose: 'TREAT', classes: ['heart-rate'] };
  const acts = [
    { ...act, kind: 'search', grants: ['dogqobyhbytqobyhbydqobyhby'], count: 2 },
    { ...act, kind: 'denied', grants: [], count: 0, reason: 'revoked' },
  ] as const;
  return acts.map((each) => {
    const linked = linkDisclosure(head, each);
    head = linked.head;
    return { entry: encodeHex(linked.bytes), id: encodeHex(head.id) };
  });
}

/** The agent's next key has the seed 51. */
function makeKeyEvents() {
  const last = { lastSequence: 1, lastBatch: batch.signed.id };
  const signedRotation = signRotation({ ...last, at: AT, credentialHash: seedOf(7) }, agent, signerOf(51));
  const wishes: readonly KeyEventWish[] = [
    { type: 'rotation', signedRotation, at: AT },
    { type: 'revocation', agent: AGENT, reason: 'lost (HTEST)', newest: { sequence: 1, id: batch.signed.id }, at: AT },
    { type: 'admission', agent: AGENT, batch: batch.signed.id, at: AT },
    // As earlier versions made it: it names no batch.
    { type: 'revocation', agent: AGENT, reason: 'lost (HTEST)', at: AT },
  ];
  const keyEvents = wishes.map((wish) => {
    const signed = signKeyEvent(wish, service);
    return { ...describeSigned('key-event', signed), id: encodeHex(readKeyEvent(signed).id) };
  });
  const history = receiptWithHistory(
    buildBatch(batch.leaves, agent),
    [keyEvents[1]!].map(({ signed }) => decodeHex(signed)),
    { batch: 2, events: [5] },
  );
  return {
    rotation: describeSigned('rotation', signedRotation),
    keyEvents,
    receiptWithKeyHistory: encodeReceipt(history),
  };
}

/** Text of `format.json`. */
export async function makeFormatVectors(): Promise<string> {
  const receipt = receiptOf(batch, 1);
  const enrolmentId = readEnrolment(receipt.enrolment).id;
  const about = { agent: AGENT, at: AT, batch: batch.signed.id, sequence: 1 };
  const request = { method: 'POST', path: '/consent/events?from=1', body: encodeUtf8('{}') };
  const batchCommitment = commitmentOf('batch', batch.signed.id);
  const parties = {
    ...{ subject: SUBJECT, device: DEVICE, agent: AGENT, patient: PATIENT, service, at: AT },
    batch: batch.signed.id,
  };
  const vectors = {
    format: 'docs/format.md, byte strings in hex',
    domains: DOMAINS,
    keys: {
      agent: describeKey(agent, 1),
      service: describeKey(service, 2),
      log: { ...describeKey(log, 3), name: log.name, verifierKey: encodeVerifierKey(log) },
      patient: describeKey(PATIENT, 4),
    },
    device: { address: 'C0:FF:EE:00:00:01', addressType: 'random', handle: encodeHex(DEVICE) },
    cbor: [
      {
        means: 'decimal fraction 2.0',
        bytes: encodeHex(encodeCbor(sensorValueToCbor({ mantissa: 20, exponent: -1 }))),
      },
      {
        means: 'decimal fraction 2.00',
        bytes: encodeHex(encodeCbor(sensorValueToCbor({ mantissa: 200, exponent: -2 }))),
      },
    ],
    batch: {
      segments: batch.segments.map(describeSegment),
      root: encodeHex(batch.signed.header.root),
      ...describeSigned('batch', batch.signed.signed),
      id: encodeHex(batch.signed.id),
      idText: encodeId(batch.signed.id),
    },
    readings: FURTHER.map(({ means, ...heard }) => ({
      means,
      body: encodeHex(encodeLeaf(readingLeaves(heard)[0]!)),
    })),
    envelope: await makeEnvelope(),
    acknowledgements: [
      signAcknowledgement({ ...about, outcome: 'held', withheld: 0 }, service),
      signAcknowledgement({ ...about, outcome: 'duplicate' }, service),
      signAcknowledgement({ ...about, outcome: 'refused', code: 'sequence-gap', retry: 'later', expected: 1 }, service),
      signAcknowledgement({ agent: AGENT, at: AT, outcome: 'logged', sequence: 1 }, service),
    ].map((signed) => describeSigned('acknowledgement', signed)),
    command: describeSigned(
      'command',
      signCommand(
        { agent: AGENT, number: 1, expiresAt: AT + 60_000, collect: [{ subject: SUBJECT, permitted: true }] },
        service,
      ),
    ),
    actions: encodeHex(encodeActions(ACTIONS)),
    reports: REPORTS.map((content) =>
      describeSigned(
        'report',
        signReport({ agent: AGENT, boot: new Uint8Array(16).fill(6), number: 1, at: AT, content }, agent),
      ),
    ),
    enrolment: { ...describeSigned('enrolment', receipt.enrolment), id: encodeHex(enrolmentId) },
    ...makeKeyEvents(),
    consent: makeConsent(),
    disclosures: makeDisclosures(),
    request: {
      method: request.method,
      path: request.path,
      body: encodeHex(request.body),
      at: AT,
      authorization: signRequest(request, AT, new Uint8Array(16).fill(8), PATIENT),
    },
    commitments: {
      batch: encodeHex(batchCommitment),
      enrolment: encodeHex(commitmentOf('enrolment', enrolmentId)),
    },
    position: encodeHex(encodePosition({ commitment: batchCommitment, index: LOG_INDEX, treeSize: LOG_SIZE })),
    receipt: encodeReceipt(receipt),
    trust: encodeTrust(trustIn(PARTIES)),
    cosigned: {
      witnesses: WITNESSES.map((witness) => encodeWitnessKey(witness)),
      receipt: encodeReceipt(cosignReceipt(receipt, WITNESSES.slice(0, 2))),
      trust: encodeTrust(trustWitnesses(2)),
      trustThatAsksForMore: encodeTrust(trustWitnesses(3)),
    },
    erasure: makeErasureVectors(parties),
    correction: makeCorrectionVectors(parties),
  };
  return `${JSON.stringify(vectors, null, 2)}\n`;
}

if (import.meta.main) writeFileSync(new URL('format.json', import.meta.url), await makeFormatVectors());
