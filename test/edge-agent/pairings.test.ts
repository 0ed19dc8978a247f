import { describe, expect, it } from 'vitest';
import { Pairings } from '../../edge-agent/pairings.ts';
import type { ReportContent } from '../../protocol/report.ts';

const device = { address: 'c0:00:00:00:00:01', addressType: 'random' } as const;
const subject = new Uint8Array(32).fill(1);

function open() {
  const reports: ReportContent[] = [];
  const disconnected: string[] = [];
  const unbonded: string[] = [];
  const pairings = new Pairings({ report: (content) => void reports.push(content), realNow: Date.now });
  pairings.bind({
    disconnect: (address) => void disconnected.push(address),
    unbond: (address) => void unbonded.push(address),
  });
  const states = () => reports.flatMap((one) => (one.type === 'link' ? [one.failure ?? one.state] : []));
  return { pairings, disconnected, unbonded, states };
}

describe('pairings', () => {
  it('ask for a passkey while a patient waits, and give what was typed', async () => {
    const { pairings, states } = open();
    expect(pairings.mayPair(device.address)).toBe(false);
    expect(await pairings.passkeyOf(device.address)).toBeUndefined();
    pairings.act({ type: 'assign', ...device, subject }, false);
    expect(pairings.mayPair(device.address)).toBe(true);
    pairings.linkChanged(device.address, 'connecting');
    const typed = pairings.passkeyOf(device.address);
    pairings.act({ type: 'passkey', ...device, passkey: 42 }, false);
    expect(await typed).toBe(42);
    expect(states()).toEqual(['connecting', 'connecting', 'passkey-needed', 'pairing']);
    pairings.stop();
  });

  it('forget the bond of a device that is taken away, and not of one that may not be heard for now', () => {
    const { pairings, unbonded } = open();
    pairings.forget(device.address);
    expect(unbonded).toEqual([]);
    pairings.remove(device.address);
    expect(unbonded).toEqual([device.address]);
    pairings.stop();
  });

  it('answer nobody when the pairing fails or ends', async () => {
    const { pairings, states, disconnected } = open();
    pairings.act({ type: 'assign', ...device, subject }, false);
    pairings.linkChanged(device.address, 'connecting');
    const refused = pairings.passkeyOf(device.address);
    pairings.refused(device.address, 'wrong-passkey');
    expect(await refused).toBeUndefined();
    expect(states().at(-1)).toBe('wrong-passkey');
    expect(pairings.mayPair(device.address)).toBe(false);

    pairings.act({ type: 'assign', ...device, subject }, false);
    pairings.linkChanged(device.address, 'connecting');
    const forgotten = pairings.passkeyOf(device.address);
    pairings.forget(device.address);
    expect(await forgotten).toBeUndefined();
    expect(disconnected.length).toBeGreaterThan(0);
    pairings.stop();
  });

  it("do not begin with another patient's device", () => {
    const { pairings, states } = open();
    pairings.act({ type: 'assign', ...device, subject }, true);
    expect(states()).toEqual(['taken']);
    expect(pairings.mayPair(device.address)).toBe(false);
    pairings.stop();
  });
});
