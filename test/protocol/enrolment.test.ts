import { describe, expect, it } from 'vitest';
import { encodeCbor } from '../../protocol/cbor.ts';
import { signPayload } from '../../protocol/cose.ts';
import { openEnrolment, readEnrolment, signEnrolment } from '../../protocol/enrolment.ts';
import { agentIdOf, decodeId, deviceHandle, encodeId, thumbprint } from '../../protocol/keys.ts';
import { faultOf } from '../support/fault-of.ts';
import { nodeVerify } from '../support/node-verify.ts';
import { PARTIES, SUBJECT, signerOf } from '../support/receipt-builder.ts';

const { agent, service } = PARTIES;
const signed = signEnrolment(agent.publicKey, 1_700_000_000_000, service);

describe('enrolment', () => {
  it('says which key, when, and by whom', () => {
    const opened = openEnrolment(signed, service.publicKey, nodeVerify);
    expect(opened).toMatchObject({
      agentKey: agent.publicKey,
      enrolledAt: 1_700_000_000_000,
      service: thumbprint(service.publicKey),
    });
    expect(readEnrolment(signed)).toEqual(opened);
    expect(readEnrolment(signEnrolment(agent.publicKey, 1, service)).id).not.toEqual(opened.id);
  });

  it('does not open under another key, in part, or with any octet changed', () => {
    expect(faultOf(() => openEnrolment(signed, signerOf(8).publicKey, nodeVerify))).toBe('bad-signature');
    for (let at = 0; at < signed.length; at++) {
      const altered = signed.slice();
      altered[at]! ^= 1;
      expect(faultOf(() => openEnrolment(altered, service.publicKey, nodeVerify))).toMatch(
        /^(malformed|not-canonical|bad-signature)$/,
      );
      expect(faultOf(() => readEnrolment(signed.subarray(0, at)))).toBe('malformed');
    }
  });

  it('is refused with another field', () => {
    const payload = encodeCbor(
      new Map<number, Uint8Array | number>([
        [0, agent.publicKey],
        [1, 1],
        [2, SUBJECT],
        [3, 1],
      ]),
    );
    expect(faultOf(() => readEnrolment(signPayload('enrolment', payload, service)))).toBe('malformed');
  });
});

describe('ids', () => {
  it('are 52 characters that topics, URLs and FHIR allow', () => {
    const id = agentIdOf(agent.publicKey);
    expect(id).toMatch(/^[a-z2-7]{52}$/);
    expect(decodeId(id)).toEqual(thumbprint(agent.publicKey));
    expect(encodeId(decodeId(id))).toBe(id);
  });

  it.each(['', 'a', 'a'.repeat(51), 'a'.repeat(53), 'A'.repeat(52), '1'.repeat(52), `${'a'.repeat(51)}b`, '\u{1f600}'])(
    'are nothing else: %s',
    (text) => {
      expect(faultOf(() => decodeId(text))).toBe('malformed');
    },
  );

  it('name a device for one patient only, whatever the case of its address', () => {
    const handle = deviceHandle(SUBJECT, 'public', '00:11:22:33:44:FF');
    expect(handle).toHaveLength(16);
    expect(deviceHandle(SUBJECT, 'public', '00:11:22:33:44:ff')).toEqual(handle);
    expect(deviceHandle(SUBJECT, 'random', '00:11:22:33:44:ff')).not.toEqual(handle);
    expect(deviceHandle(new Uint8Array(32), 'public', '00:11:22:33:44:ff')).not.toEqual(handle);
  });
});
