/** Settings of `npm run simulate`. */
import { parseArgs } from 'node:util';
import { type H4Place, LOOPBACK_HOSTS, type LoopbackHost } from './hci/h4-server.ts';
import type { ImportSettings } from './import-capture.ts';
import { WEARABLE_KINDS, type WearableKind } from './live.ts';

export const HELP = `Usage: npm run simulate -- serve tcp://127.0.0.1:PORT | unix://PATH [options]
       npm run simulate -- import IN.btsnoop OUT.btsnoop [--device ADDRESS] [--cached FILE]

serve:
Serves a virtual Bluetooth LE controller in H4 framing to one host at a time, with simulated wearables
on its air that measure as long as it runs: for our agent, or to test any other Bluetooth stack.

  tcp://127.0.0.1:PORT  a port of this machine (also [::1]; 0: any free one); any user of it may connect
  unix://PATH           a unix socket, for this user only

  --seed N              seed of the simulated body and of the addresses (default 1)
  --speed X             simulated time runs X times as fast as real time, 0.1 to 100 (default 1)
  --wearables LIST      some of ${WEARABLE_KINDS.join(',')}
                        (default: all)

import:
Takes one device out of a recording of a real radio (btsnoop, as Android, btmon and our agent write it)
and leaves out all other devices, names, addresses and keys. What it measured stays: it is somebody's health.

  --device ADDRESS      the device that is kept (default: the only one that sent values)
  --cached FILE         attributes that a phone knew before, one a line: 0x0012 1810 2a35

  --help                this text

Ctrl-C stops.
`;

export interface ServeSettings {
  readonly place: H4Place;
  readonly seed: number;
  readonly speed: number;
  readonly kinds: readonly WearableKind[];
}

export type SimulateConfig =
  | { readonly kind: 'help' }
  | { readonly kind: 'refused'; readonly problem: string }
  | { readonly kind: 'serve'; readonly settings: ServeSettings }
  | { readonly kind: 'import'; readonly settings: ImportSettings };

/** The first problem, or the settings. */
export function readSimulateConfig(argv: readonly string[]): SimulateConfig {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(argv);
  } catch (error) {
    return refuse(`${(error as Error).message.split('. ')[0]}; --help tells what there is`);
  }
  const { values, positionals } = parsed;
  if (values.help) return { kind: 'help' };
  const [command, where, ...more] = positionals;
  if (command === 'import') {
    const [output, ...rest] = more;
    if (where === undefined || output === undefined || rest.length > 0) return refuse('import takes two files');
    const { device, cached } = values;
    if (device !== undefined && !/^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(device)) {
      return refuse('--device is six octets in hex with colons');
    }
    const settings = { input: where, output, ...(device && { device }), ...(cached && { cached }) };
    return { kind: 'import', settings };
  }
  if (command !== 'serve') return refuse('the command is serve or import; --help tells more');
  const place = parsePlace(where);
  if (!place || more.length > 0) return refuse('serve takes one place, tcp://127.0.0.1:PORT or unix://PATH');
  const seed = Number(values.seed);
  if (!/^\d{1,10}$/.test(values.seed) || seed >= 2 ** 32) {
    return refuse(`--seed is a whole number from 0 to ${2 ** 32 - 1}`);
  }
  const speed = Number(values.speed);
  if (!/^\d+(\.\d+)?$/.test(values.speed) || speed < 0.1 || speed > 100) {
    return refuse('--speed is a number from 0.1 to 100');
  }
  const kinds = WEARABLE_KINDS.filter((kind) => values.wearables.split(',').includes(kind));
  if (kinds.length !== values.wearables.split(',').length) {
    return refuse(`--wearables is a list of ${WEARABLE_KINDS.join(',')}, each once`);
  }
  return { kind: 'serve', settings: { place, seed, speed, kinds } };
}

function parse(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: '1' },
      speed: { type: 'string', default: '1' },
      device: { type: 'string' },
      cached: { type: 'string' },
      wearables: { type: 'string', default: WEARABLE_KINDS.join(',') },
      help: { type: 'boolean', default: false },
    },
  });
}

function parsePlace(where = ''): H4Place | undefined {
  const path = /^unix:\/\/(.+)$/.exec(where)?.[1];
  if (path) return { path };
  const [, name, digits] = /^tcp:\/\/(.+):(\d{1,5})$/.exec(where) ?? [];
  const host = name === 'localhost' ? '127.0.0.1' : name?.replace(/^\[(.+)\]$/, '$1');
  const port = Number(digits);
  if (!LOOPBACK_HOSTS.includes(host as LoopbackHost) || !(port <= 65_535)) return undefined;
  return { port, host: host as LoopbackHost };
}

function refuse(problem: string): SimulateConfig {
  return { kind: 'refused', problem };
}
