/**
 * Calls out. What a callback throws is a bug of the caller, not a bad packet: it must neither be swallowed by the guard
 * around packets nor stop the radio half-way, so it surfaces on its own.
 */
export function outward<T>(callback: () => T): T | undefined {
  try {
    return callback();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
    return undefined;
  }
}
