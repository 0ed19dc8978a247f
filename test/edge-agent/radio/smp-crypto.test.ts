/**
 * Published values of the SMP functions. c1 and s1: the examples in Core 5.2 Vol 3 Part H §2.2.3 and §2.2.4; ah: sample data
 * in its Appendix D.7. They are printed most significant octet first, as in google/bumble tests/smp_test.py, and reversed here.
 */
import { expect, it } from 'vitest';
import { ah, c1, isResolvable, resolves, s1 } from '../../../edge-agent/radio/smp-crypto.ts';
import { resolvableAddress } from '../../../simulators/hci/smp-crypto.ts';

const octets = (hex: string) => Buffer.from(hex, 'hex').reverse();
const shown = (value: Buffer) => Buffer.from(value).reverse().toString('hex');
const ZERO = Buffer.alloc(16);
const IRK = 'ec0234a357c8ad05341010a60a397d9b';

it('c1', () => {
  const confirm = c1(
    ZERO,
    octets('5783d52156ad6f0e6388274ec6702ee0'),
    octets('07071000000101'),
    octets('05000800000302'),
    { octets: octets('a1a2a3a4a5a6'), random: true },
    { octets: octets('b1b2b3b4b5b6'), random: false },
  );
  expect(shown(confirm)).toBe('1e1e3fef878988ead2a74dc5bef13b86');
});

it('s1, and shorter keys', () => {
  const r1 = octets('000f0e0d0c0b0a091122334455667788');
  const r2 = octets('010203040506070899aabbccddeeff00');
  expect(shown(s1(ZERO, r1, r2))).toBe('9a1fe1f0e8b0f49b5b4216ae796da062');
  // §2.3.4: the most significant octets are zero.
  expect(shown(s1(ZERO, r1, r2, 7))).toBe('0000000000000000004216ae796da062');
});

it('ah, and the address that is made with it', () => {
  expect(shown(ah(octets(IRK), octets('708194')))).toBe('0dfbaa');
  expect(resolves(octets(IRK), '70:81:94:0d:fb:aa')).toBe(true);
  expect(resolves(octets(IRK), '70:81:94:0d:fb:ab')).toBe(false);
  expect(resolvableAddress(octets(IRK), octets('708194'))).toBe('70:81:94:0d:fb:aa');
});

it.each([
  ['40:00:00:00:00:00', true],
  ['7f:ff:ff:ff:ff:ff', true],
  ['c0:00:00:00:00:00', false],
  ['3f:ff:ff:ff:ff:ff', false],
])('%s is resolvable: %s', (address, resolvable) => expect(isResolvable(address)).toBe(resolvable));
