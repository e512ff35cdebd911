import taskcluster from 'taskcluster-client';
import type { Config } from '../../config/schema.js';
import type { Mail } from '../../domain/error-mail.js';

/** Resolves when the service has taken the mail. Throws MailRefusedError, or what else failed. */
export type SendMail = (mail: Mail) => Promise<void>;

/** The service will not take this mail: an address on its list of refused ones, a scope that is missing. */
export class MailRefusedError extends Error {
  override readonly name = 'MailRefusedError';
}

const TIMEOUT_MS = 10_000;

/** Taskcluster's notify service; null where the configuration names none. */
export function taskclusterMail({
  notify,
  issuer,
  rootUrl,
}: Pick<Config, 'notify' | 'issuer' | 'rootUrl'>): SendMail | null {
  if (!notify) return null;
  const credentials = notify.credentials ?? issuer;
  // A mail that was not answered may have been sent: no repeats.
  const service = new taskcluster.Notify({
    ...{ rootUrl, retries: 0, timeout: TIMEOUT_MS },
    ...(credentials && { credentials: { ...credentials } }),
  });
  return async (mail) => {
    try {
      await service.email({ ...mail });
    } catch (error) {
      const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 0;
      if (!(error instanceof Error) || status < 400 || status >= 500 || status === 429) throw error;
      throw new MailRefusedError(error.message.slice(0, 300));
    }
  };
}
