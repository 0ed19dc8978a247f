/** `node edge-agent/main.ts`: one agent as a process of its own. Logs are JSON lines on standard error. */
import { Fault } from '../protocol/fault.ts';
import { type Agent, startAgent } from './agent.ts';
import { type AgentConfig, type HciAddress, HELP, readProcessConfig } from './config.ts';
import type { Log } from './log.ts';
import { teeTransport } from './radio/btsnoop.ts';
import { openBtsnoopFile } from './radio/btsnoop-file.ts';
import { openH4TcpTransport } from './radio/h4-tcp.ts';
import { openH4UnixTransport } from './radio/h4-unix.ts';
import type { HciTransport } from './radio/hci-transport.ts';
import { createZone } from './zone.ts';

const EXIT_BAD_USAGE = 2;
const EXIT_FAILED = 1;

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
  const { hci, live, zone, btsnoop, ...options } = config;
  try {
    const controller = await openTransport(hci).catch(() => {
      const where = hci.kind === 'unix' ? hci.path : `port ${hci.port} of ${hci.host}`;
      throw new Fault('unavailable', `no Bluetooth controller answers at ${where}`, 'later');
    });
    const transport = btsnoop === undefined ? controller : record(controller, btsnoop);
    const started = performance.now();
    const agent = await startAgent({
      ...options,
      transport,
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

function openTransport(hci: HciAddress): Promise<HciTransport> {
  const clock = { now: Date.now };
  return hci.kind === 'unix' ? openH4UnixTransport({ ...hci, clock }) : openH4TcpTransport({ ...hci, clock });
}

/** The transport, with every packet of it written to a file; a full disk ends the recording and nothing else. */
function record(transport: HciTransport, path: string): HciTransport {
  const onStopped = (why: string) => log.warn({ why }, 'the recording of the radio stopped');
  return teeTransport(transport, openBtsnoopFile({ path, onStopped }));
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
