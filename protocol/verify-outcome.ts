/** How a step of a check can end without holding. */
import { isFault } from './fault.ts';

/** A step that cannot be decided with what is at hand. */
export class Unknown {
  readonly says: string;
  constructor(says: string) {
    this.says = says;
  }
}

/** Why a step fails, in words. */
export class Refusal extends Error {}

/** The reason in words; what is no reason is thrown on. */
export function reasonOf(error: unknown): string {
  if (error instanceof Refusal || isFault(error)) return error.message;
  throw error;
}
