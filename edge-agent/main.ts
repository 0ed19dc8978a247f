/** `node edge-agent/main.ts`: one agent as a process of its own. Logs are JSON lines on standard error. */
import { readFileSync } from 'node:fs';
import { Fault } from '../protocol/fault.ts';
import { type Agent, startAgent } from './agent.ts';
import { type AgentConfig, HELP, readProcessConfig } from './config.ts';
import type { Log } from './log.ts';
import { teeTransport } from './radio/btsnoop.ts';
import { openBtsnoopFile } from './radio/btsnoop-file.ts';
import type { HciTransport } from './radio/hci-transport.ts';
import { openController } from './radio/open-controller.ts';
import { openRadioHost, type RadioHost } from './radio-host.ts';
import { loadHostKey } from './secret-files.ts';
import type { AgentTls } from './service-post.ts';
import { createZone } from './zone.ts';

const EXIT_BAD_USAGE = 2;
const EXIT_FAILED = 1;

const CLOCK = { now: Date.now };

const log = createLog();
const result = readProcessConfig();
switch (result.kind) {
  case 'help':
    process.stdout.write(`${HELP}\n`);
    break;
  case 'refused':
    for (const problem of result.problems) process.stderr.write(`${problem}\n`);
    process.stderr.write('Try --help.\n');
    process.exitCode = EXIT_BAD_USAGE;
    break;
  case 'run':
    await run(result.config);
}

async function run(config: AgentConfig): Promise<void> {
  const { hci: _hci, oneProcess, live, zone, btsnoop: _btsnoop, hostKeyFile, tlsFiles, ...options } = config;
  try {
    const hostKey = hostKeyFile === undefined ? undefined : loadHostKey(hostKeyFile);
    const tls = readTlsFiles(tlsFiles);
    const transport = await (oneProcess ? openHere(config) : openBeside(config));
    const started = performance.now();
    const agent = await startAgent({
      ...options,
      transport,
      ...(hostKey && { hostKey }),
      tls,
      ...(live ? { uptime: () => performance.now() - started } : {}),
      zoneOf: createZone(zone),
      test: !live,
      log,
      // Nothing can be made durable, so nothing may be accepted: the supervisor starts us anew.
      onFailure: () => process.exit(EXIT_FAILED),
    });
    log.info({ agent: agent.id }, 'listening');
    stopOnSignal(agent);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = EXIT_FAILED;
  }
}

function readTlsFiles(files: AgentConfig['tlsFiles']): AgentTls {
  const read = ([name, path]: [string, string]) => {
    try {
      return [name, readFileSync(path, 'utf8')];
    } catch {
      throw new Fault('missing', `${path} cannot be read`);
    }
  };
  return Object.fromEntries(Object.entries(files).map(read));
}

/** The radio in a process of its own, which may fall and is started again. */
function openBeside({ hci, btsnoop, zone }: AgentConfig): Promise<RadioHost> {
  return openRadioHost({
    hci,
    clock: CLOCK,
    onRecordingStopped,
    ...(btsnoop !== undefined && { btsnoop }),
    ...(zone !== undefined && { zone }),
  });
}

async function openHere({ hci, btsnoop }: AgentConfig): Promise<HciTransport> {
  const controller = await openController(hci, CLOCK);
  if (btsnoop === undefined) return controller;
  return teeTransport(controller, openBtsnoopFile({ path: btsnoop, onStopped: onRecordingStopped }));
}

/** A full disk ends the recording and nothing else. */
function onRecordingStopped(why: 'full' | 'failed'): void {
  log.warn({ why }, 'the recording of the radio stopped');
}

function stopOnSignal(agent: Agent): void {
  let isStopping = false;
  const stop = () => {
    if (isStopping) process.exit(EXIT_FAILED); // asked twice
    isStopping = true;
    agent.stop().then(
      () => log.info({}, 'stopped'),
      () => process.exit(EXIT_FAILED),
    );
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

function createLog(): Log {
  const write = (level: string) => (fields: object, message: string) =>
    process.stderr.write(`${JSON.stringify({ level, at: new Date().toISOString(), ...fields, message })}\n`);
  return { info: write('info'), warn: write('warn'), error: write('error') };
}
