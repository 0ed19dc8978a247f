/** Request bodies and parameters through zod; a refusal names the member, never what was in it. */
import type { z } from 'zod';
import { Fault } from '../../protocol/fault.ts';

/** Throws `malformed`. */
export function parseBody<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map(({ path }) => path.join('.') || 'body');
  throw new Fault('malformed', `not as expected: ${[...new Set(where)].join(', ')}`);
}
