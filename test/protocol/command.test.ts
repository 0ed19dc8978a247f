import { describe, expect, it } from 'vitest';
import { encodeCbor } from '../../protocol/cbor.ts';
import { type Command, openCommand, signCommand } from '../../protocol/command.ts';
import { signPayload } from '../../protocol/cose.ts';
import { faultOf } from '../support/fault-of.ts';
import { nodeVerify } from '../support/node-verify.ts';
import { PARTIES, SUBJECT, signerOf } from '../support/receipt-builder.ts';

const { service } = PARTIES;
const agent = new Uint8Array(32).fill(1);
const command: Command = {
  agent,
  number: 3,
  expiresAt: 1_800_000_000_000,
  collect: [
    { subject: SUBJECT, permitted: true },
    { subject: new Uint8Array(32).fill(9), permitted: false },
  ],
};
const open = (signed: Uint8Array) => openCommand(signed, service.publicKey, nodeVerify);

describe('command', () => {
  it('comes back as it was', () => {
    expect(open(signCommand(command, service))).toEqual(command);
    expect(open(signCommand({ ...command, collect: [] }, service))).toEqual({ ...command, collect: [] });
  });

  it('is refused from another key, for another use, and with any octet changed', () => {
    expect(faultOf(() => open(signCommand(command, signerOf(8))))).toBe('bad-signature');
    const good = signCommand(command, service);
    for (let at = 0; at < good.length; at++) {
      const altered = good.slice();
      altered[at]! ^= 1;
      expect(faultOf(() => open(altered))).toMatch(/^(malformed|not-canonical|bad-signature)$/);
    }
    for (let end = 0; end < good.length; end++) expect(faultOf(() => open(good.subarray(0, end)))).toBe('malformed');
  });

  it.each([
    ['a consent state that is no pair', [SUBJECT]],
    ['a consent state of three', [[SUBJECT, true, true]]],
    ['a short subject', [[SUBJECT.slice(1), true]]],
    ['a consent state that is a number', [[SUBJECT, 1]]],
    ['no list', 1],
  ])('is refused with %s', (_, collect) => {
    const payload = encodeCbor(
      new Map<number, never>([
        [0, agent],
        [1, 1],
        [2, 1],
        [3, collect],
      ] as never),
    );
    expect(faultOf(() => open(signPayload('command', payload, service)))).toBe('malformed');
  });
});
