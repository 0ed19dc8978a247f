import { describe, expect, it } from 'vitest';
import {
  type Found,
  gatewayTrouble,
  heldText,
  isClaimable,
  isCollectCovered,
  isUnderWay,
  keepOrder,
  kindIcon,
  type PairingOf,
  type PairingPhase,
  passkeyDigits,
  phaseText,
  STEPS,
  signalOf,
  stepsDone,
} from '../../../consoles/portal/pairing.ts';
import type { Grant } from '../../../consoles/shared/answers.ts';
import { DEVICE_KINDS } from '../../../protocol/device-kind.ts';

const NOW = Date.UTC(2026, 2, 1);
const device = 'ab'.repeat(16);
const pairing = (phase: PairingPhase, more: Partial<PairingOf> = {}): PairingOf => ({
  device,
  gateway: 'g',
  kind: 'thermometer',
  title: 'Thermometer',
  phase,
  ...more,
});
const collect = (more: Partial<Grant> = {}): Grant => ({
  id: 'g',
  action: 'collect',
  classes: ['*'],
  from: '2026-01-01T00:00:00Z',
  grantedAt: '2026-01-01T00:00:00Z',
  ...more,
});

describe('a gateway', () => {
  it('says what is amiss with it, and nothing while all is well', () => {
    expect(gatewayTrouble({ id: 'g', state: 'active' })).toBeUndefined();
    expect(gatewayTrouble({ id: 'g', state: 'active', waitsFor: 7 })).toMatch(/^Gateway waits for batch 7\b/);
    expect(gatewayTrouble({ id: 'g', state: 'revoked', waitsFor: 7 })).toContain('counts no more');
    expect(gatewayTrouble({ id: 'g', state: 'frozen' })).toContain('contradicts itself');
  });
});

describe('signal', () => {
  it('is told by bars and by a word', () => {
    expect([-40, -55, -56, -67, -70, -80, -81, -127].map((rssi) => signalOf(rssi).bars)).toEqual([
      4, 4, 3, 3, 2, 2, 1, 1,
    ]);
    expect(signalOf(-90).word).toBe('weak');
  });
});

describe('the list of what was found', () => {
  const found = (...devices: string[]) => devices.map((id) => ({ device: id }) as Found);

  it('keeps its order while signals change, forgets what is gone and appends what is new', () => {
    expect(keepOrder(['a', 'b', 'c'], found('c', 'd', 'a'))).toEqual(['a', 'c', 'd']);
    expect(keepOrder([], found('b', 'a'))).toEqual(['b', 'a']);
  });

  it('has an icon for every kind', () => {
    for (const kind of [...DEVICE_KINDS, 'unheard-of']) expect(kindIcon(kind)).toBeTruthy();
  });
});

describe('a pairing', () => {
  it('goes through its steps, and says paired at the last one only', () => {
    const phases = ['asking', 'connecting', 'passkey', 'reconnecting', 'first-reading', 'verifying', 'paired'] as const;
    expect(phases.map(stepsDone)).toEqual([0, 1, 1, 2, 3, 4, STEPS.length]);
    for (const phase of phases.slice(0, -1)) {
      expect(phaseText(pairing(phase))).not.toMatch(/is paired/);
      expect(isUnderWay(pairing(phase))).toBe(true);
    }
    expect(phaseText(pairing('paired', { name: 'HTEST thermometer' }))).toBe('HTEST thermometer is paired.');
    expect(phaseText(pairing('paired'))).toBe('Thermometer without a name is paired.');
    expect(isUnderWay(pairing('paired'))).toBe(false);
  });

  it('says what to do when it failed', () => {
    const failure = { code: 'not-heard', words: ['Bring it near.', 'Wake it.'] };
    expect(phaseText(pairing('failed', { failure }))).toBe('That did not work. Bring it near.');
    expect(isUnderWay(pairing('failed', { failure }))).toBe(false);
  });

  it('takes six digits and nothing else', () => {
    expect(passkeyDigits('12 34-567')).toBe('123456');
    expect(passkeyDigits('abc')).toBe('');
  });
});

describe('consent to collect', () => {
  it.each<[string, Grant, boolean]>([
    ['from any device', collect(), true],
    ['from this device', collect({ device }), true],
    ['from another device', collect({ device: 'cd'.repeat(16) }), false],
    ['that was revoked', collect({ revokedAt: '2026-02-01T00:00:00Z' }), false],
    ['that is over', collect({ to: '2026-02-01T00:00:00Z' }), false],
    ['that has not begun', collect({ from: '2027-01-01T00:00:00Z' }), false],
    ['that is to disclose', collect({ action: 'disclose' }), false],
  ])('%s: covered is what is in force for it', (_, grant, covered) => {
    expect(isCollectCovered([grant], device, NOW)).toBe(covered);
  });
});

describe('measurements that wait', () => {
  it('are counted, and asked about', () => {
    const held = { gateway: 'g', device, userIndex: 2, count: 3, name: 'HTEST cuff' };
    expect(heldText(held)).toBe('3 measurements of user 2 of HTEST cuff wait: are they yours?');
    expect(heldText({ ...held, count: 1 })).toBe('1 measurement of user 2 of HTEST cuff waits: is it yours?');
    // 255 is no user: a claim of it would be refused.
    const nobodys = { ...held, userIndex: 255 };
    expect([held, nobodys].map(isClaimable)).toEqual([true, false]);
    expect(heldText(nobodys)).toMatch(/^3 measurements of HTEST cuff do not say whose they are\./);
  });
});
