/** For tests of what is refused. */
import { isFault } from '../../protocol/fault.ts';

/** Code of the Fault that the action throws, `none` when it throws nothing; anything else that is thrown goes on. */
export function faultOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
  return 'none';
}
