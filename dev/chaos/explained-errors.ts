import type { Journal } from './check/journal.js';
import type { ErrorRow } from './check/rows.js';

/**
 * Errors of machines that the harness took away, kept from registering, or made hang: their kinds say so themselves.
 */
const OF_MACHINES: readonly string[] = ['early-termination', 'registration-timeout'];

/** Whether an error is the consequence of something that the harness did. */
export const isExplained = ({ kind, code }: ErrorRow, journal: Journal): boolean =>
  OF_MACHINES.includes(kind) || (code !== null && journal.refusals.has(code));
