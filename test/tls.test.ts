/** TLS between agent and service, with certificates of both: who is let in, and that an agent trusts nobody else. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAgentGateway } from '../edge-agent/agent.ts';
import type { AgentTls } from '../edge-agent/service-post.ts';
import { readIngestConfig } from '../ingest-service/config.ts';
import { openWorld, type World } from '../simulators/world.ts';
import { gatewayOptions, heartRate, makeFolder, NOON, STRAP } from './support/test-gateway.ts';
import { until } from './support/until.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) console.log('skipped: no openssl on this machine to make certificates with');

const folder = mkdtempSync(join(tmpdir(), 'veravita-tls-'));
const at = (name: string) => join(folder, name);
const pem = (name: string) => readFileSync(at(name), 'utf8');
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function makeAuthority(name: string): void {
  openssl(
    'req',
    '-x509',
    ...NEW_KEY,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.crt`,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
  );
}

function makeCertificate(name: string, authority: string): void {
  writeFileSync(at('ext'), 'subjectAltName=IP:127.0.0.1\n');
  openssl('req', ...NEW_KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
  const by = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial'];
  openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-out', `${name}.crt`, '-days', '2', '-extfile', 'ext');
}

describe.skipIf(!hasOpenssl)('with TLS on both sides', () => {
  let world: World;
  let own: AgentTls;

  beforeAll(async () => {
    for (const name of ['ca', 'clients', 'strangers']) makeAuthority(name);
    makeCertificate('server', 'ca');
    makeCertificate('agent', 'clients');
    makeCertificate('stranger', 'strangers');
    own = { ca: pem('ca.crt'), cert: pem('agent.crt'), key: pem('agent.key') };
    const tls = { cert: pem('server.crt'), key: pem('server.key'), clientCa: pem('clients.crt') };
    world = await openWorld({ directory: at('world'), httpPort: 0, mqttPort: 0, checkpointMs: 50, tls });
  });

  afterAll(async () => {
    await world?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const code = () => world.service.createEnrolmentCode([]);
  const refusedTls = () => world.service.counters.snapshot()['mqtt.refused.tls'] ?? 0;

  it('an agent enrols, and hands over batches', async () => {
    expect([world.service.url, world.service.brokerUrl].map((url) => url.split(':')[0])).toEqual(['https', 'mqtts']);
    const place = makeFolder();
    const gateway = await openAgentGateway({ ...gatewayOptions(place, world.service.url, code()), tls: own });
    await until('the connection', () => gateway.status().connected);
    await gateway.flush();
    await gateway.stop();
    rmSync(place, { recursive: true });
  });

  it.each<[string, () => AgentTls]>([
    ['without a certificate', () => ({ ca: own.ca! })],
    ['with a certificate of somebody else', () => ({ ...own, cert: pem('stranger.crt'), key: pem('stranger.key') })],
  ])('one %s gets no connection to the broker', async (_, tls) => {
    const place = makeFolder();
    const before = refusedTls();
    const gateway = await openAgentGateway({ ...gatewayOptions(place, world.service.url, code()), tls: tls() });
    await until('the refusal', () => refusedTls() > before);
    await gateway.hear(heartRate(70, NOON)).catch(() => undefined);
    expect(gateway.status().connected).toBe(false);
    await gateway.stop();
    rmSync(place, { recursive: true });
  });

  it('an agent that trusts another authority sends neither code nor batch', async () => {
    const place = makeFolder();
    const tls = { ...own, ca: pem('strangers.crt') };
    const opened = openAgentGateway({ ...gatewayOptions(place, world.service.url, code()), tls });
    await expect(opened).rejects.toMatchObject({ code: 'unavailable' });

    const enrolled = await openAgentGateway({ ...gatewayOptions(place, world.service.url, code()), tls: own });
    await enrolled.stop();
    const before = refusedTls();
    const gateway = await openAgentGateway({ ...gatewayOptions(place, world.service.url), tls });
    await until('the refusal', () => refusedTls() > before);
    expect(gateway.status().connected).toBe(false);
    expect(gateway.wants(STRAP)).toBe(false);
    await gateway.stop();
    rmSync(place, { recursive: true });
  });
});

describe('the options', () => {
  it('go together, or are refused with all that is wrong', () => {
    expect(
      readIngestConfig(['--tls-cert', 'a.pem', '--tls-key', 'b.pem', '--tls-client-ca', 'c.pem'], {}),
    ).toMatchObject({
      settings: { tls: { cert: expect.stringContaining('a.pem'), clientCa: expect.stringContaining('c.pem') } },
    });
    const refused = readIngestConfig(['--tls-key', 'b.pem', '--tls-client-ca', 'c.pem'], {});
    expect(refused).toMatchObject({ kind: 'refused', problems: { length: 2 } });
  });
});
