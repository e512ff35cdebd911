import type { Db } from '../../database/client/schema.js';
import { Clients } from '../auth/client.js';
import type { Issuer } from '../auth/credentials.js';
import type { AuthSettings } from '../auth/authenticate.js';
import { AuthService } from '../auth/auth-service.js';
import { VerifiedCertificates } from '../auth/verified-certificates.js';
import { logEvent } from '../../observability/log-events.js';
import type { ApiDeps } from './deps.js';
import { poolCounters, type StateCounts } from '../../database/counts.js';
import { ADVICE_CHANNEL, terminationAdvice } from '../../database/termination-advice.js';
import { CommitFeed } from '../../database/client/commit-feed.js';
import { RememberedAdvice } from './remembered-advice.js';
import { Paging } from './paging.js';
import { derivedIssuerToken } from '../auth/secrets.js';
import { SharedAnswer } from './shared-answers.js';

/** What the routes work with: what the process gave, and what follows from it. */
export interface ApiContext extends ApiDeps {
  readonly db: Db;
  /** Secret: workers' secrets and their fingerprints are derived from it. */
  readonly deploymentKey: string;
  readonly issuer: Issuer;
  readonly clients: Clients;
  readonly certificates: VerifiedCertificates;
  /** Who knows everybody but our workers; null where nobody but `clients` is known. */
  readonly authService: AuthService | null;
  /** Pages of one list; a continuation token is good for the list that gave it. */
  readonly pagingOf: (list: string) => Paging;
  /** Counters of all pools that have workers, at most a second old. */
  readonly counters: SharedAnswer<ReadonlyMap<string, StateCounts>>;
  /** What workers are advised. */
  readonly advice: RememberedAdvice;
  /** Every URL under which clients may know the API. */
  readonly ownUrls: readonly string[];
}

const COUNTERS_SHARED_MS = 1000;

/** Issuer of a deployment whose configuration names none: good at this API, unknown elsewhere. */
export const DERIVED_ISSUER = 'worker-manager-issuer';

export function apiContext(deps: ApiDeps): ApiContext {
  const { config, database } = deps;
  const { deploymentKey } = database.deployment;
  const issuer = config.issuer ?? { clientId: DERIVED_ISSUER, accessToken: derivedIssuerToken(deploymentKey) };
  const { publicUrl } = config.server;
  return {
    ...deps,
    db: database.db,
    deploymentKey,
    issuer,
    clients: new Clients(config.auth.clients, issuer),
    certificates: new VerifiedCertificates(),
    authService: config.auth.type === 'taskcluster' ? authServiceOf(deps) : null,
    pagingOf: (list) => new Paging(deploymentKey, list),
    counters: new SharedAnswer(() => poolCounters(database.db, 'all'), COUNTERS_SHARED_MS),
    advice: new RememberedAdvice(
      (key) => terminationAdvice(database.db, key),
      (listener) => new CommitFeed(database.listen, ADVICE_CHANNEL, { ...listener, ...loggedHearing(deps) }),
    ),
    ownUrls: publicUrl === null ? [config.rootUrl] : [config.rootUrl, publicUrl],
  };
}

/** By what the sender of a request is known. */
export const authSettings = ({ config, ownUrls, issuer }: ApiContext): AuthSettings => ({
  type: config.auth.type,
  ownUrls,
  issuerId: issuer.clientId,
});

const loggedHearing = ({ log }: ApiDeps) => ({
  onLost: (failure: unknown) => logEvent(log, 'advice-not-heard', { err: failure }),
  onFound: () => logEvent(log, 'advice-heard', {}),
});

const authServiceOf = ({ config, log }: ApiDeps): AuthService =>
  new AuthService(config.rootUrl, (failure) => logEvent(log, 'auth-service-failed', failure));
