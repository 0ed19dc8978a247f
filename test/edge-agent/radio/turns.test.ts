import { describe, expect, it } from 'vitest';
import { isBrief, pickNext, pickVictim } from '../../../edge-agent/radio/turns.ts';

const RULES = { turnMs: 60_000, idleMs: 5_000 };
const streaming = { brief: false, connectedAtMs: 0, heardAtMs: 9_500 };

describe('whose turn it is', () => {
  it('takes who cannot wait first, then who was served longest ago, then who came first', () => {
    const strap = { brief: false, servedAtMs: 100 };
    const early = { brief: false, servedAtMs: -1 };
    const cuff = { brief: true, servedAtMs: 900 };
    expect(pickNext([strap, early, cuff])).toBe(2);
    expect(pickNext([strap, early])).toBe(1);
    expect(pickNext([strap, { ...strap }])).toBe(0);
  });

  it('knows who cannot wait by the service', () => {
    expect(isBrief({ serviceUuids: [0x180d] })).toBe(false);
    expect(isBrief({ serviceUuids: [0x180d, 0x1810] })).toBe(true);
  });

  it('keeps a link that streams until its turn is over', () => {
    const next = { brief: false, servedAtMs: -1 };
    expect(pickVictim([streaming], next, 10_000, RULES)).toBeUndefined();
    expect(pickVictim([{ ...streaming, heardAtMs: 59_900 }], next, 60_000, RULES)).toBe(0);
  });

  it('gives up an idle link at once for a device that cannot wait, the one that is idle longest', () => {
    const cuff = { brief: true, servedAtMs: -1 };
    const idle = { ...streaming, heardAtMs: 4_000 };
    const longer = { ...streaming, heardAtMs: 2_000 };
    expect(pickVictim([streaming, idle, longer], cuff, 10_000, RULES)).toBe(2);
    expect(pickVictim([streaming], cuff, 10_000, RULES)).toBeUndefined();
  });

  it('does not interrupt a transfer', () => {
    const transfer = { brief: true, connectedAtMs: 0, heardAtMs: 69_000 };
    expect(pickVictim([transfer], { brief: true, servedAtMs: -1 }, 70_000, RULES)).toBeUndefined();
  });
});
