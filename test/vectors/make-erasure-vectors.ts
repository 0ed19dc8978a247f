/** The parts of format.json on erasures and corrections. */
import { encodeHex } from '../../protocol/bytes.ts';
import { commitmentOf } from '../../protocol/commitment.ts';
import type { CorrectionLeaf } from '../../protocol/correction-leaf.ts';
import type { Signer } from '../../protocol/cose.ts';
import {
  agentErasureMark,
  erasureMark,
  readErasureCertificate,
  signErasureCertificate,
  signErasureOrder,
} from '../../protocol/erasure.ts';
import { encodeLeaf } from '../../protocol/leaf.ts';
import { readSupersession, signCorrection, signSupersession } from '../../protocol/supersession.ts';

interface Parties {
  readonly subject: Uint8Array;
  readonly device: Uint8Array;
  /** Thumbprint of the agent's key. */
  readonly agent: Uint8Array;
  readonly batch: Uint8Array;
  readonly patient: Signer;
  readonly service: Signer;
  readonly at: number;
}

export function makeErasureVectors({ subject, agent, service, at }: Parties) {
  const id = new Uint8Array(16).fill(10);
  const request = new Uint8Array(32).fill(11);
  const asked = { id, basis: 'patient', request, at } as const;
  const mark = erasureMark(id, subject);
  const certificate = signErasureCertificate(
    {
      ...asked,
      ...{ number: 2, erasedAt: at + 1, issuedAt: at + 2, segments: 3, leaves: 40 },
      statements: [
        { store: 'record', unit: 'rows', scanned: 900, sought: 1, found: 0 },
        { store: 'record', unit: 'octets', scanned: 1_048_576, sought: 120, found: 0 },
      ],
      agents: [{ agent: agentErasureMark(id, agent), confirmedAt: at + 2 }, { agent: new Uint8Array(32).fill(12) }],
    },
    service,
  );
  return {
    id: encodeHex(id),
    mark: encodeHex(mark),
    agentMark: encodeHex(agentErasureMark(id, agent)),
    order: encodeHex(signErasureOrder({ ...asked, mark }, service)),
    certificate: encodeHex(certificate),
    commitment: encodeHex(commitmentOf('erasure', readErasureCertificate(certificate).id)),
  };
}

export function makeCorrectionVectors({ subject, device, batch, patient, service, at }: Parties) {
  const common = { kind: 'correction', subject, device, test: true, batch, index: 1, correctedAt: at } as const;
  const leaves: CorrectionLeaf[] = [
    { ...common, act: 'amend', reason: 'other-method', value: { mantissa: 725, exponent: -1 } },
    { ...common, act: 'amend', reason: 'device-clock', measuredAt: at - 3_600_000 },
    { ...common, act: 'withdraw', reason: 'wrong-patient' },
  ];
  const body = encodeLeaf(leaves[0]!);
  const evidence = { signed: signCorrection(body, patient), publicKey: patient.publicKey };
  const salt = new Uint8Array(32).fill(13);
  const statement = signSupersession({ salt, body, by: 'patient', at: at + 1, evidence }, service);
  return {
    leaves: leaves.map((leaf) => encodeHex(encodeLeaf(leaf))),
    signed: encodeHex(evidence.signed),
    supersession: encodeHex(statement),
    commitment: encodeHex(commitmentOf('supersession', readSupersession(statement).id)),
  };
}
