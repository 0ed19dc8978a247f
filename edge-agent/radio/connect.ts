/** Connects to a peripheral with a timeout. noble's own `connect` to one that has gone waits for ever (defect 8). */
import type { NobleStack } from './load-noble.ts';
import type { NoblePeripheral } from './noble-internals.ts';
import { RadioError } from './operations.ts';

/** How long the controller may take to answer that it has given up. */
const CANCEL_MS = 2_000;

/**
 * Resolves when connected. Rejects with `timeout` after `timeoutMs`, once the controller has given up the attempt, or
 * with `refused`. Only one connection at a time may be in the making; the caller sees to that.
 */
export function connectPeripheral(stack: NobleStack, peripheral: NoblePeripheral, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let cancelled = false;
    const finish = (error?: RadioError) => {
      clearTimeout(timer);
      peripheral.off('connect', onConnect);
      if (error) reject(error);
      else resolve();
    };
    const onConnect = (error?: Error | null) => {
      if (cancelled) {
        // The cancellation and the connection crossed: we have a link that nobody waits for any more.
        if (!error) peripheral.disconnect();
        finish(new RadioError('timeout', 'connect'));
      } else {
        finish(error ? new RadioError('refused', 'connect', statusOf(error)) : undefined);
      }
    };
    let timer = setTimeout(() => {
      cancelled = true;
      stack.cancelConnect(peripheral.id);
      timer = setTimeout(() => finish(new RadioError('timeout', 'connect')), CANCEL_MS);
    }, timeoutMs);
    peripheral.on('connect', onConnect);
    peripheral.connect();
  });
}

/** noble writes the HCI status behind its words. */
function statusOf({ message }: Error): number | undefined {
  const status = /\(0x([\da-f]{1,2})\)$/.exec(message)?.[1];
  return status === undefined ? undefined : Number.parseInt(status, 16);
}
