/** What a failed statement means for whoever sent it: the one place that reads SQLSTATEs. */

/**
 * The database could not be asked, or gave no answer: what was asked may have happened. Its code is SQLSTATE's word for
 * that.
 */
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

/**
 * Connections (08), too few resources (53), an operator or a time limit (57), a deadlock (40), a lock that others hold
 * too long (55P03), a database that is read-only for now (25006).
 */
const UNAVAILABLE = /^(08...|40...|53...|57...|55P03|25006)$/;
/**
 * Values that a column cannot hold (22), rules that a row breaks (23502, 23514), limits of the program such as an index
 * row's size (54). A row that is there already (23505) is no such thing: the next read finds it.
 */
const REFUSED = /^(22...|23502|23514|54...)$/;

/** Whether a statement was not carried out, or not for certain, because of the database's state: later it may be. */
export const isDatabaseUnavailable = (error: unknown): boolean => UNAVAILABLE.test(sqlStateOf(error) ?? '');

/** Whether the database has refused a statement for what it says, so that no repetition can succeed. */
export const isRefusedForGood = (error: unknown): error is Error => REFUSED.test(sqlStateOf(error) ?? '');

/** SQLSTATEs of a database that can be read and takes no change for now: read-only, or without room on its disk. */
const REFUSED_WRITES: Readonly<Record<string, 'read-only' | 'full'>> = { '25006': 'read-only', '53100': 'full' };

/** Why the database takes no change for now, whatever it says; null where that is not what the statement failed of. */
export const whyWritesAreRefused = (error: unknown): 'read-only' | 'full' | null =>
  REFUSED_WRITES[sqlStateOf(error) ?? ''] ?? null;

function sqlStateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  return error.code;
}

/** Node's error of several addresses that all refused has no message. */
function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.message || ('code' in cause ? String(cause.code) : cause.name);
}
