import { engineNow } from '../support/engine-clock.js';
import type { ActivityDeps } from '../support/deps.js';
import { FirstFailures } from '../support/first-failures.js';
import { timeLimit } from '../support/time-limit.js';
import { claimErrorMail, poolsWithUnmailedErrors, recordErrorMail } from '../../database/error-mails.js';
import type { Db } from '../../database/client/schema.js';
import { errorMail } from '../../domain/error-mail.js';
import { logEvent } from '../../observability/log-events.js';
import { MailRefusedError, type SendMail } from './send-mail.js';

/** The next sweep goes on with what is left. */
const MAIL_TIMEOUT_MS = 60_000;
const SERVICE = 'the service';

/** Of a run: mails that were sent, and pools whose owners could not be. */
export interface MailedErrors {
  readonly sent: number;
  readonly failed: number;
}

/**
 * Writes to owners about errors of their pools. What goes wrong with one keeps no other from being tried, unless the
 * service gives no answer: then the rest waits, and nothing of it counts as mailed.
 */
export function errorMails({ database, mail, log }: ActivityDeps): () => Promise<MailedErrors> {
  const failing = new FirstFailures();
  return async () => {
    const result = { sent: 0, failed: 0 };
    if (!mail) return result;
    const [nowMs, isOver] = [engineNow(), timeLimit(MAIL_TIMEOUT_MS)];
    for (const workerPoolId of await poolsWithUnmailedErrors(database.db, nowMs)) {
      if (isOver()) break;
      try {
        if (await mailErrorsOf(database.db, mail, workerPoolId, nowMs)) result.sent += 1;
        failing.worked(workerPoolId);
        failing.worked(SERVICE);
      } catch (error) {
        result.failed += 1;
        const isRefused = error instanceof MailRefusedError;
        if (failing.isFirst(isRefused ? workerPoolId : SERVICE)) {
          logEvent(log, 'mail-not-sent', { workerPoolId, err: error });
        }
        if (!isRefused) break;
      }
    }
    return result;
  };
}

async function mailErrorsOf(db: Db, mail: SendMail, workerPoolId: string, nowMs: number): Promise<boolean> {
  const claimed = await claimErrorMail(db, workerPoolId, nowMs);
  if (!claimed) return false;
  const { owner, errors, waiting } = claimed;
  await mail(errorMail({ workerPoolId, owner }, errors, waiting));
  await recordErrorMail(db, workerPoolId, errors);
  return true;
}
