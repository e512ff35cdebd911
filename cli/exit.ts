import { isServerError } from '../temporal/server-errors.js';

/** Supervisors and scripts rely on them (docs/how-to/production.md#exit-codes). */
export const EXIT = {
  stopped: 0,
  /** Bad configuration or arguments. */
  bad: 1,
  /** Something it needs could not be reached in time. */
  unreachable: 2,
} as const;

/** Ends a command with a code and a line for a person; never a stack trace. */
export class ExitError extends Error {
  override readonly name = 'ExitError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Codes of a Postgres that goes away, shuts down or takes too long; and of a broken connection. */
const OUTAGE_CODES = /^(08...|57...|53...|ECONN\w+|ETIMEDOUT|EPIPE)$/;

/** Whether something that the process needs stopped answering, as against an error of ours. */
export function isOutage(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (error.name === 'TransportError') return true;
  if (isServerError(error)) return true;
  return 'code' in error && typeof error.code === 'string' && OUTAGE_CODES.test(error.code);
}
