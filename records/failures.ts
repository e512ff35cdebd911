/** What a failed statement means for whoever sent it: the one place that reads SQLSTATEs. */

/** The database could not be asked, or gave no answer: what was asked may have happened. Its code is SQLSTATE's word for that. */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';
  readonly code = '08006';

  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
  }
}

/** The database is gone for as long as this process lives: an embedded one whose thread has ended. */
export class DatabaseLostError extends Error {
  override readonly name = 'DatabaseLostError';
  readonly code = '57P01';
}

/** Connections (08), too few resources (53), an operator or a time limit (57); a lock that others hold too long (55P03). */
const UNAVAILABLE = /^(08...|53...|57...|55P03)$/;
/**
 * Values that a column cannot hold (22), constraints (23), limits of the program such as an index row's size (54): the same
 * statement is refused tomorrow as well.
 */
const REFUSED = /^(22...|23...|54...)$/;

export const isDatabaseUnavailable = (error: unknown): boolean => UNAVAILABLE.test(sqlStateOf(error) ?? '');

/** Whether the database has refused a statement for what it says, so that no repetition can succeed. */
export const isRefusedForGood = (error: unknown): error is Error => REFUSED.test(sqlStateOf(error) ?? '');

function sqlStateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  return error.code;
}

/** Node's error of several addresses that all refused has no message. */
function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.message || ('code' in cause ? String(cause.code) : cause.name);
}
