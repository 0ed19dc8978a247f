import { describe, expect, it } from 'vitest';
import { DEVICE_PROFILES, profileNamed } from '../../protocol/devices/device-profile.ts';
import { diagnose, type PairingSymptom } from '../../protocol/devices/pairing-doctor.ts';
import { SECURITY_FAILURES } from '../../protocol/devices/security-failure.ts';

const OMRON = profileNamed('omron-cuff')!;
const METER = DEVICE_PROFILES.find(({ title }) => /Accu-Chek/.test(title))!;
const GENERIC = profileNamed('generic')!;

const SYMPTOMS: readonly PairingSymptom[] = [
  ...SECURITY_FAILURES,
  'never-heard',
  'not-connectable',
  'no-standard-data',
  'in-use-elsewhere',
  'zero-irk',
  'fresh-bond-per-link',
];

/** What happened, in part; the first step, in part; who can mend it. Of an Omron cuff. */
const EXPECTED: Readonly<Record<PairingSymptom, [happened: string, first: string | undefined, remedy: string]>> = {
  'stale-bond': ['forgotten the pairing', 'Hold the Bluetooth button', 'person'],
  'not-allowed': ['nobody has allowed', 'Hold the Bluetooth button', 'person'],
  'no-passkey': ['nobody entered them', 'Hold the Bluetooth button', 'person'],
  'wrong-passkey': ['not those of the device', 'all six digits', 'person'],
  'passkey-impossible': ['neither show nor take', 'the device that you think', 'person'],
  'needs-authentication': ['six digits', 'somebody can enter', 'person'],
  'needs-secure-connections': ['LE Secure Connections, which is not supported yet', undefined, 'never'],
  'needs-out-of-band': ['out of band', undefined, 'never'],
  'key-too-short': ['shorter than what is safe', undefined, 'never'],
  'not-supported': ['does not pair now', 'Hold the Bluetooth button', 'person'],
  'repeated-attempts': ['too often', 'Wait a minute', 'person'],
  refused: ['broke off', 'Hold the Bluetooth button', 'person'],
  'confirm-failed': ['went wrong on the air', 'within two metres', 'person'],
  malformed: ['went wrong on the air', 'within two metres', 'person'],
  'encryption-failed': ['could not be encrypted', 'off and on again', 'person'],
  timeout: ['stopped answering', 'within two metres', 'person'],
  disconnected: ['lost while it was paired', 'within two metres', 'wait'],
  'never-heard': ['not heard yet', 'Hold the Bluetooth button', 'person'],
  'not-connectable': ['takes no connection', 'Hold the Bluetooth button', 'person'],
  'no-standard-data': ["only through its maker's own encrypted protocol", undefined, 'never'],
  'in-use-elsewhere': ['another phone or gateway', 'other phones', 'person'],
  'zero-irk': ['known by its address only', undefined, 'none'],
  'fresh-bond-per-link': ['paired anew on each connection', undefined, 'none'],
};

describe('the pairing doctor', () => {
  it.each(SYMPTOMS)('%s', (symptom) => {
    const [happened, first, remedy] = EXPECTED[symptom];
    const diagnosis = diagnose(OMRON, symptom);
    expect(diagnosis.happened).toContain(happened);
    expect(diagnosis.happened).toContain(OMRON.title);
    expect(diagnosis.remedy).toBe(remedy);
    if (first === undefined) expect(diagnosis.steps).toEqual([]);
    else expect(diagnosis.steps[0]).toContain(first);
  });

  it('tells a key that is another from one that is forgotten, and a device that hangs up from a link that is lost', () => {
    expect(diagnose(OMRON, 'stale-bond', 0x06).happened).toContain('forgotten');
    expect(diagnose(OMRON, 'stale-bond', 0x3d).happened).toContain('another key');
    expect(diagnose(OMRON, 'disconnected', 0x13)).toMatchObject({ remedy: 'person' });
    expect(diagnose(OMRON, 'disconnected', 0x08)).toMatchObject({ remedy: 'wait' });
  });

  it('says where the digits of a device are, before anything else', () => {
    for (const symptom of ['no-passkey', 'wrong-passkey', 'needs-authentication'] as const) {
      expect(diagnose(METER, symptom).steps[0]).toContain('label at the back of the meter');
    }
  });

  it('has nothing to try for a device that cannot be used', () => {
    const unsupported = DEVICE_PROFILES.filter((profile) => profile.unsupported !== undefined);
    expect(unsupported.length).toBeGreaterThan(0);
    for (const profile of unsupported) {
      expect(diagnose(profile, 'never-heard')).toEqual({ happened: profile.unsupported, steps: [], remedy: 'never' });
    }
  });

  it('has whole sentences, each once, for every device and symptom', () => {
    for (const profile of [...DEVICE_PROFILES, { ...GENERIC, advice: [] }]) {
      for (const symptom of SYMPTOMS) {
        const { happened, steps, remedy } = diagnose(profile, symptom);
        expect(new Set(steps).size).toBe(steps.length);
        for (const sentence of [happened, ...steps]) expect(sentence).toMatch(/^\S.*\.$/s);
        expect(steps.length > 0).toBe(remedy === 'person' || remedy === 'wait');
      }
    }
  });
});
