import { expect, it } from 'vitest';
import { verifyReceipt } from '../../protocol/verify.ts';
import { ALTERED_RECEIPTS, GENUINE_RECEIPT } from '../support/altered-receipts.ts';
import { PARTIES, trustIn } from '../support/receipt-builder.ts';

const trust = trustIn(PARTIES);

it('has forty alterations of a genuine receipt', () => {
  expect(verifyReceipt(GENUINE_RECEIPT, trust).verdict).toBe('genuine');
  expect(new Set(ALTERED_RECEIPTS.map(({ text }) => text)).size).toBe(40);
});

it.each(ALTERED_RECEIPTS)('$what: $step fails first', ({ step, text }) => {
  const { verdict, steps } = verifyReceipt(text, trust);
  const failed = steps.filter(({ result }) => result !== 'holds').map((each) => each.step);
  expect(failed[0]).toBe(step);
  expect(verdict).not.toBe('genuine');
});
