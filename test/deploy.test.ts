import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { HELP as AGENT_HELP, readConfig as readAgentConfig } from '../edge-agent/config.ts';
import { readIngestConfig } from '../ingest-service/config.ts';
import { readConfig as readWriterConfig } from '../ledger-writer/config.ts';

const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const units = readdirSync(at('deploy')).filter((name) => name.endsWith('.service'));
const text = (unit: string) => readFileSync(at(`deploy/${unit}`), 'utf8');

it.each(units)('%s starts a program that is there, keeps its state, and comes back', (unit) => {
  const program = /^ExecStart=\/usr\/bin\/node (?:--\S+ )*run\.mjs (\S+)/m.exec(text(unit))?.[1];
  expect(existsSync(at(program!))).toBe(true);
  const folder = /^StateDirectory=(\S+)$/m.exec(text(unit))?.[1];
  expect(text(unit)).toMatch(new RegExp(`^Environment=VERAVITA_(AGENT_)?DATA=/var/lib/${folder}$`, 'm'));
  for (const line of ['Restart=always', 'RestartPreventExitStatus=2', 'StartLimitIntervalSec=0', 'UMask=0077']) {
    expect(text(unit)).toContain(`\n${line}\n`);
  }
});

it('limits the heap of the agent as npm does', () => {
  const limits = (command: string) => command.split(' ').filter((word) => /-size=\d+$/.test(word));
  const { scripts } = JSON.parse(readFileSync(at('package.json'), 'utf8')) as { scripts: { agent: string } };
  expect(limits(scripts.agent)).toHaveLength(2);
  expect(limits(/^ExecStart=(.*)$/m.exec(text('veravita-agent.service'))![1]!)).toEqual(limits(scripts.agent));
});

it('names variables that the programs read', () => {
  const agent = readAgentConfig(['--live'], {
    VERAVITA_AGENT_DATA: '/var/lib/veravita-agent',
    VERAVITA_AGENT_SERVICE: 'https://example.org',
    VERAVITA_AGENT_HCI: 'user:0',
    VERAVITA_AGENT_CODE: 'code',
  });
  expect(agent).toMatchObject({ kind: 'run', config: { stateDirectory: '/var/lib/veravita-agent', live: true } });
  expect(AGENT_HELP).toContain('VERAVITA_AGENT_DATA');
  const env = {
    VERAVITA_DATA: '/var/lib/veravita',
    VERAVITA_PORT: '8081',
    VERAVITA_MQTT_PORT: '1884',
    VERAVITA_HOST: '0.0.0.0',
    VERAVITA_BROKER_URL: 'mqtts://example.org:8883',
    VERAVITA_LOG_ORIGIN: 'example.org/log',
    VERAVITA_LOG_INTERVAL_MS: '500',
    VERAVITA_JOURNAL: 'kafka://a:9092,b:9092?prefix=ward&replication=3',
  };
  const kafka = { url: env.VERAVITA_JOURNAL, brokers: ['a:9092', 'b:9092'], prefix: 'ward', replication: 3 };
  expect(readIngestConfig([], env)).toEqual({
    kind: 'run',
    settings: {
      data: '/var/lib/veravita',
      httpPort: 8081,
      mqttPort: 1884,
      host: '0.0.0.0',
      brokerUrl: 'mqtts://example.org:8883',
      kafka,
    },
  });
  expect(readWriterConfig([], env)).toMatchObject({ settings: { origin: 'example.org/log', intervalMs: 500, kafka } });
  const anchor = {
    VERAVITA_ANCHOR_EVM: 'http://chain:8545',
    VERAVITA_ANCHOR_CHAIN_ID: '5',
    VERAVITA_ANCHOR_CONTRACT: `0x${'0a'.repeat(20)}`,
    VERAVITA_ANCHOR_KEY: 'anchor.key',
  };
  expect(readWriterConfig([], { ...env, ...anchor })).toMatchObject({
    settings: { anchors: { evm: [{ url: 'http://chain:8545', chainId: 5, keyPath: 'anchor.key' }] } },
  });
  const read = new Set([...Object.keys(env), 'VERAVITA_AGENT_DATA', 'VERAVITA_AGENT_SERVICE', 'VERAVITA_AGENT_HCI']);
  for (const name of ['VERAVITA_AGENT_CODE', 'VERAVITA_AGENT_ARGS', 'VERAVITA_ANCHOR_EVM']) read.add(name);
  const named = units.flatMap((unit) => text(unit).match(/VERAVITA_[A-Z_]+/g) ?? []);
  expect(named.filter((name) => !read.has(name))).toEqual([]);
});
