import taskcluster from 'taskcluster-client';
import type { Config } from '../config/schema.js';
import { missingScopes } from '../domain/scopes.js';
import { firstLineOf } from '../domain/values.js';
import { type AuthClient, scopesOf } from './check-auth.js';
import { EXIT, ExitError } from './exit.js';

const TIMEOUT_MS = 10_000;
const MAIL_SCOPES = ['notify:email:*'];

/**
 * What mail to owners needs: the notify service, and a client that may send it. No call of that service needs the scope
 * and sends nothing, so the auth service, whose word that service takes, is read instead.
 */
export function notifyQuestions({
  notify,
  issuer,
  rootUrl,
}: Pick<Config, 'notify' | 'issuer' | 'rootUrl'>): { name: string; check: () => Promise<unknown> }[] {
  const client = notify && (notify.credentials ?? issuer);
  if (!client) return [];
  return [
    { name: 'notify', check: () => reach(rootUrl) },
    { name: 'notify, client', check: async () => assertMayMail(client, await scopesOf(rootUrl, client)) },
  ];
}

async function reach(rootUrl: string): Promise<void> {
  try {
    await new taskcluster.Notify({ rootUrl, retries: 0, timeout: TIMEOUT_MS }).ping();
  } catch (error) {
    const line = `the notify service at ${rootUrl} does not answer: ${firstLineOf(error)}; is rootUrl right?`;
    throw new ExitError(EXIT.unreachable, line);
  }
}

function assertMayMail({ clientId }: AuthClient, scopes: readonly string[]): void {
  const missing = missingScopes(scopes, MAIL_SCOPES);
  if (missing.length === 0) return;
  const scope = missing.join(', ');
  throw new ExitError(EXIT.bad, `${clientId} lacks ${scope}; give it that scope, or owners hear of no errors`);
}
