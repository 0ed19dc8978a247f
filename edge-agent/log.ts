/** What the agent tells its operator; the shape of pino's logger. Counts and codes only, never a value or a handle. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Says nothing. */
export const SILENT: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };
