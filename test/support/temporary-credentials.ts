import { createTemporaryCredentials, type Credentials } from 'taskcluster-client';
import { HOUR_MS } from '../../domain/durations.js';

type Options = Parameters<typeof createTemporaryCredentials>[0];

/** Temporary credentials of an issuer as Taskcluster's client makes them, since an hour and for another. */
export const temporaryCredentials = (
  { clientId, accessToken }: Credentials,
  changes: Partial<Options> & Pick<Options, 'scopes'>,
) =>
  createTemporaryCredentials({
    start: new Date(Date.now() - HOUR_MS),
    expiry: new Date(Date.now() + HOUR_MS),
    credentials: { clientId, accessToken },
    ...changes,
  });
