import { isServerError } from '../temporal/server-errors.js';

/** Codes of a Postgres that goes away, shuts down or takes too long; and of a broken connection. */
const OUTAGE_CODES = /^(08...|57...|53...|ECONN\w+|ETIMEDOUT|EPIPE)$/;

/** Whether something that the process needs stopped answering, as against an error of ours. */
export function isOutage(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (error.name === 'TransportError') return true;
  if (isServerError(error)) return true;
  return 'code' in error && typeof error.code === 'string' && OUTAGE_CODES.test(error.code);
}
