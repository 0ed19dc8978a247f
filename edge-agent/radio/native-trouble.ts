/** What to do when an adapter of this machine cannot be opened: the words for what the kernel says. */
import { Fault } from '../../protocol/fault.ts';

/** Linux errno (include/uapi/asm-generic/errno.h) and what strerror says, which is all that some errors carry. */
const REASONS = [
  { errno: 1, text: 'Operation not permitted', reason: 'forbidden' },
  { errno: 13, text: 'Permission denied', reason: 'forbidden' },
  { errno: 16, text: 'Device or resource busy', reason: 'busy' },
  { errno: 19, text: 'No such device', reason: 'absent' },
  { errno: 93, text: 'Protocol not supported', reason: 'no-bluetooth' },
  { errno: 97, text: 'Address family not supported by protocol', reason: 'no-bluetooth' },
  { errno: 100, text: 'Network is down', reason: 'down' },
  { errno: 132, text: 'Operation not possible due to RF-kill', reason: 'switched-off' },
] as const;

type Reason = (typeof REASONS)[number]['reason'] | 'unknown';

/** `unavailable`, with what an operator can do about it. */
export function explainSocket(error: unknown, channel: 'raw' | 'user', adapter: number | undefined): Fault {
  const name = adapter === undefined ? 'the adapter' : `hci${adapter}`;
  return new Fault('unavailable', sentence(reasonOf(error), channel, name), 'later');
}

/** The addon itself could not be loaded. */
export function explainAddon(): Fault {
  return new Fault(
    'unavailable',
    'the native Bluetooth addon does not load on this machine; give a controller that speaks H4 (unix://PATH, tcp://HOST:PORT)',
  );
}

function reasonOf(error: unknown): Reason {
  if (error === 'down') return 'down';
  const { errno, message = '' } = (error ?? {}) as { errno?: unknown; message?: string };
  const known = REASONS.find((one) => one.errno === errno || message.startsWith(one.text));
  return known?.reason ?? 'unknown';
}

function sentence(reason: Reason, channel: 'raw' | 'user', name: string): string {
  switch (reason) {
    case 'no-bluetooth':
      return 'this kernel has no Bluetooth: "modprobe bluetooth", or give a controller that speaks H4';
    case 'forbidden':
      return `no right to use ${name}: "sudo setcap cap_net_raw,cap_net_admin+eip ${process.execPath}", or run as root`;
    case 'absent':
      return `${name} is not there: "btmgmt info" lists the adapters`;
    case 'busy':
      return channel === 'user'
        ? `${name} is in use: "systemctl stop bluetooth", then "btmgmt --index N power off", so that it can be taken alone`
        : `${name} is in use: "systemctl stop bluetooth"`;
    case 'switched-off':
      return `${name} is switched off: "rfkill unblock bluetooth"`;
    case 'down':
      return `${name} is down: "rfkill unblock bluetooth", then "btmgmt power on"`;
    case 'unknown':
      return `${name} cannot be opened`;
  }
}
