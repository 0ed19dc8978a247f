import { describe, expect, it } from 'vitest';
import { createCgm } from '../../../simulators/devices/cgm.ts';
import { createCuff } from '../../../simulators/devices/cuff.ts';
import { createHeartStrap } from '../../../simulators/devices/heart-strap.ts';
import { createThermometer } from '../../../simulators/devices/thermometer.ts';

const options = { address: 'F0:00:00:00:00:01', name: 'HTEST one', serial: '1' };
const value = { mantissa: 1, exponent: 0 };

describe('simulated devices', () => {
  it('say what they are in their name', () => {
    expect(() => createHeartStrap({ ...options, name: 'Strap' })).toThrow(RangeError);
    expect(createHeartStrap(options).name).toBe('HTEST one');
  });

  it('keep what nobody has heard, or not, after their kind', async () => {
    const strap = createHeartStrap(options);
    expect(await strap.beat({ heartRate: 60 })).toBe(false);
    const cuff = createCuff(options);
    expect(await cuff.measure({ systolic: value, diastolic: value, map: value })).toBe(false);
    expect(cuff.unsent).toBe(1);
    const thermometer = createThermometer(options);
    expect(await thermometer.measure({ temperature: value })).toBe(false);
    expect(thermometer.unsent).toBe(1);
  });

  it('refuse what their format cannot say, and keep nothing of it', () => {
    const strap = createHeartStrap(options);
    expect(() => strap.beat({ heartRate: -1 })).toThrow();
    const session = { startedAt: '2024-06-01T00:00:00', tzMin: 0, dstMin: 0 };
    const cgm = createCgm({ ...options, session });
    expect(() => cgm.measure({ glucose: value, offsetMin: 70_000 })).toThrow();
    expect(cgm.unsent).toBe(0);
    expect(() => createCgm({ ...options, session: { ...session, startedAt: '2024-02-30T00:00:00' } })).toThrow();
    expect(() => createCgm({ ...options, session: { ...session, tzMin: 7 } })).toThrow();
  });
});
