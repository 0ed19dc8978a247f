import { describe, expect, it } from 'vitest';
import { commitmentOf } from '../../protocol/commitment.ts';
import {
  type ErasureCertificate,
  erasureMark,
  readErasureCertificate,
  signErasureCertificate,
} from '../../protocol/erasure.ts';
import {
  encodeErasureCertificate,
  isErasureCertificate,
  verifyErasureCertificate,
} from '../../protocol/erasure-certificate.ts';
import { buildLogProof, PARTIES, signerOf, trustIn } from '../support/receipt-builder.ts';

const CERTIFICATE: ErasureCertificate = {
  id: new Uint8Array(16).fill(1),
  basis: 'order',
  at: 1,
  number: 1,
  erasedAt: 2,
  issuedAt: 3,
  segments: 4,
  leaves: 50,
  statements: [{ store: 'record', unit: 'octets', scanned: 4096, sought: 30, found: 0 }],
  agents: [{ agent: new Uint8Array(32).fill(2), confirmedAt: 3 }],
};
const trust = trustIn(PARTIES);

function textOf(changes: Partial<ErasureCertificate> = {}, signer = PARTIES.service): string {
  const certificate = signErasureCertificate({ ...CERTIFICATE, ...changes }, signer);
  const logProof = buildLogProof(commitmentOf('erasure', readErasureCertificate(certificate).id), PARTIES.log);
  return encodeErasureCertificate({ certificate, logProof });
}

const failing = (text: string, trusted = trust) =>
  verifyErasureCertificate(text, trusted)
    .steps.filter(({ result }) => result !== 'holds')
    .map(({ step, result }) => `${step} ${result}`);

describe('a certificate of erasure', () => {
  it('comes back as it was signed', () => {
    const verdict = verifyErasureCertificate(textOf(), trust);
    expect(verdict).toMatchObject({ verdict: 'genuine', certificate: CERTIFICATE });
    expect([isErasureCertificate(textOf()), isErasureCertificate('{}'), isErasureCertificate('nothing')]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('is pending while a gateway has not confirmed', () => {
    expect(verifyErasureCertificate(textOf({ agents: [{ agent: new Uint8Array(32) }] }), trust).verdict).toBe(
      'pending',
    );
  });

  it('holds under no other key, in no other log, and not at all when something was found', () => {
    expect(failing(textOf({}, signerOf(9)))).toEqual(['service fails']);
    const { log, service } = trust;
    expect(
      failing(textOf(), { service, log: trustIn({ ...PARTIES, log: { ...PARTIES.log, name: 'other.example' } }).log }),
    ).toEqual(['checkpoint unknown']);
    expect(log).toBeDefined();
    const [statement] = CERTIFICATE.statements;
    expect(failing(textOf({ statements: [{ ...statement!, found: 1 }] }))).toEqual(['gone fails']);
    const swapped = JSON.parse(textOf()) as Record<string, string>;
    swapped.logProof = (JSON.parse(textOf({ leaves: 49 })) as Record<string, string>).logProof!;
    expect(failing(JSON.stringify(swapped))).toEqual(['log fails']);
  });

  it('is not provable without trust, and altered when it is no certificate', () => {
    expect(verifyErasureCertificate(textOf()).verdict).toBe('not-provable');
    expect(verifyErasureCertificate('{"format":"veravita/erasure@v1"}', trust).verdict).toBe('altered');
    expect(verifyErasureCertificate(textOf().replace('"format"', '"format":"x","format"'), trust).verdict).toBe(
      'altered',
    );
  });

  it('says nothing of the patient to who does not know the subject', () => {
    const [id, other] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];
    const subject = new Uint8Array(32).fill(3);
    expect(erasureMark(id, subject)).not.toEqual(erasureMark(other, subject));
    expect(() => signErasureCertificate({ ...CERTIFICATE, basis: 'patient' }, PARTIES.service)).toThrow(
      'without its reason',
    );
  });
});
