import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../edge-agent/config.ts';
import { createZone } from '../../edge-agent/zone.ts';

const GOOD = ['--data', '/tmp/a', '--service', 'http://localhost:1', '--hci', 'unix:///run/hci'];

describe('readConfig', () => {
  it('takes the host key from an argument, the environment, or systemd, and certificates in pairs', () => {
    const hostKeyOf = (args: string[], env: Record<string, string> = {}) => {
      const result = readConfig([...GOOD, ...args], env);
      return result.kind === 'run' ? result.config.hostKeyFile : result;
    };
    const credentials = mkdtempSync(join(tmpdir(), 'veravita-credentials-'));
    expect(hostKeyOf([], { CREDENTIALS_DIRECTORY: credentials })).toBeUndefined();
    writeFileSync(join(credentials, 'host-key'), 'x');
    const systemd = { CREDENTIALS_DIRECTORY: credentials };
    expect(hostKeyOf([], systemd)).toBe(join(credentials, 'host-key'));
    expect(hostKeyOf([], { ...systemd, VERAVITA_AGENT_HOST_KEY: '/k1' })).toBe('/k1');
    expect(hostKeyOf(['--host-key', '/k2'], { ...systemd, VERAVITA_AGENT_HOST_KEY: '/k1' })).toBe('/k2');
    rmSync(credentials, { recursive: true });
    expect(readConfig([...GOOD, '--client-cert', 'c.pem'], {})).toEqual({
      kind: 'refused',
      problems: ['--client-cert and --client-key go together'],
    });
  });

  it('reads arguments over environment', () => {
    const env = { VERAVITA_AGENT_CODE: 'c', VERAVITA_AGENT_SERVICE: 'http://other' };
    expect(readConfig([...GOOD, '--batch', '10'], env)).toEqual({
      kind: 'run',
      config: {
        stateDirectory: '/tmp/a',
        keysDirectory: '/tmp/a/keys',
        tlsFiles: {},
        serviceUrl: 'http://localhost:1',
        code: 'c',
        hci: { kind: 'unix', path: '/run/hci' },
        oneProcess: false,
        live: false,
        batch: { maxLeaves: 10, maxAgeMs: 2000 },
        heartbeatMs: 60_000,
        capacityOctets: 256 * 1024 * 1024,
      },
    });
  });

  it('takes an adapter, or a controller on a unix socket or a TCP port, and nothing else', () => {
    const hciOf = (hci: string) => {
      const result = readConfig([...GOOD.slice(0, 4), '--hci', hci], {});
      return result.kind === 'run' ? result.config.hci : result;
    };
    expect(hciOf('tcp://127.0.0.1:9001')).toEqual({ kind: 'tcp', host: '127.0.0.1', port: 9001 });
    expect(hciOf('tcp://ser2net.local:9001')).toEqual({ kind: 'tcp', host: 'ser2net.local', port: 9001 });
    expect(hciOf('tcp://[::1]:9001')).toEqual({ kind: 'tcp', host: '::1', port: 9001 });
    expect(hciOf('native')).toEqual({ kind: 'native', channel: 'raw' });
    expect(hciOf('native:1')).toEqual({ kind: 'native', channel: 'raw', adapter: 1 });
    expect(hciOf('user:0')).toEqual({ kind: 'native', channel: 'user', adapter: 0 });
    const bad = [
      'user',
      'native:',
      'user:x',
      'hci0',
      'tcp://',
      'tcp://h',
      'tcp://h:0',
      'tcp://h:65536',
      'tcp://::1:9001',
      'tcp://:9001',
      'tcp://u@h:1',
    ];
    for (const hci of [...bad, 'tcp://h:1/x', 'unix://', 'udp://h:1']) {
      expect(hciOf(hci), hci).toEqual({
        kind: 'refused',
        problems: ['--hci is not native[:N], user:N, unix://PATH or tcp://HOST:PORT'],
      });
    }
  });

  it('lists all problems at once', () => {
    const bad = [
      '--service',
      'ftp://x',
      '--hci',
      '/dev/hci0',
      '--batch',
      '0',
      '--batch-ms',
      'x',
      '--zone',
      'Mars/Base',
    ];
    const result = readConfig([...bad, '--broker', 'http://x'], {});
    expect(result.kind === 'refused' && result.problems.length).toBe(7);
  });

  it('refuses what it does not know, and helps', () => {
    expect(readConfig(['--frobnicate'], {}).kind).toBe('refused');
    expect(readConfig(['--help'], {}).kind).toBe('help');
  });
});

describe('createZone', () => {
  it('knows standard and summer time, both sides of Greenwich', () => {
    const vienna = createZone('Europe/Vienna');
    expect([vienna(Date.UTC(2026, 0, 1)), vienna(Date.UTC(2026, 6, 1))]).toEqual([60, 120]);
    // The last Sunday of March at 01:00 UTC.
    expect([vienna(Date.UTC(2026, 2, 29, 0, 59, 59)), vienna(Date.UTC(2026, 2, 29, 1))]).toEqual([60, 120]);
    expect(createZone('America/St_Johns')(Date.UTC(2026, 0, 1))).toBe(-210);
    expect(createZone('UTC')(0)).toBe(0);
  });
});
