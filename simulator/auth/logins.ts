import { randomBytes } from 'node:crypto';
import { v4 as newSlugid } from 'slugid';
import { fromNow } from 'taskcluster-client';
import { type AuthClients, intersectionOf } from './clients.js';

/** A web page that people let act in their name: a client in the sense of OAuth 2, registered by whoever deploys. */
export interface Application {
  readonly scope: readonly string[];
  readonly redirectUri: readonly string[];
  readonly responseType: 'code' | 'token';
  /** As `fromNow` takes it. */
  readonly maxExpires: string;
}

/** What a page asked for when it sent somebody here. */
export interface LoginRequest {
  readonly applicationId: string;
  readonly redirectUri: string;
  readonly responseType: string;
  readonly scope: readonly string[];
  readonly state: string | null;
  readonly expires: string | null;
}

/** What somebody has granted; the client is created when its credentials are fetched. */
interface Grant {
  readonly redirectUri: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly expiresMs: number;
  /** Of the code or token. */
  readonly usableUntilMs: number;
}

/** Where the browser goes next, with what the page gets to know. */
export interface Redirect {
  readonly to: string;
  readonly values: Readonly<Record<string, string>>;
  /** A token is passed in the fragment, which no server sees; everything else in the query. */
  readonly inFragment: boolean;
}

const CODE_MS = 10 * 60_000;
/** Credentials are said to end a little before they do, so that pages renew them in time. */
const EARLY_MS = 30_000;

/** People, the pages that they may log in to, and what they have granted. */
export class Logins {
  readonly #clients: AuthClients;
  readonly #users = new Map<string, readonly string[]>();
  readonly #applications = new Map<string, Application>();
  readonly #requests = new Map<string, LoginRequest>();
  readonly #codes = new Map<string, Grant>();
  readonly #tokens = new Map<string, Grant>();

  constructor(clients: AuthClients) {
    this.#clients = clients;
  }

  putUser(identity: string, scopes: readonly string[]): void {
    this.#users.set(identity, scopes);
  }

  putApplication(applicationId: string, application: Application): void {
    this.#applications.set(applicationId, application);
  }

  get identities(): string[] {
    return [...this.#users.keys()].sort();
  }

  /** The id of what somebody is to decide; null where nobody may be sent back to. */
  begin(request: LoginRequest): string | null {
    const application = this.#applications.get(request.applicationId);
    if (!application?.redirectUri.includes(request.redirectUri)) return null;
    const id = randomBytes(16).toString('hex');
    this.#requests.set(id, request);
    return id;
  }

  /** `identity` null: whoever it was said no. Null when there was nothing to decide. */
  decide(transactionId: string, identity: string | null): Redirect | null {
    const request = this.#requests.get(transactionId);
    if (!request) return null;
    this.#requests.delete(transactionId);
    const inFragment = request.responseType === 'token';
    const redirect = (values: Record<string, string>): Redirect => ({
      to: request.redirectUri,
      values: { ...values, ...(request.state !== null && { state: request.state }) },
      inFragment,
    });
    const application = this.#applications.get(request.applicationId);
    const scopes = identity === null ? undefined : this.#users.get(identity);
    if (!application || identity === null || !scopes) return redirect({ error: 'access_denied' });
    if (!isSameSet(application.scope, request.scope)) return redirect({ error: 'invalid_scope' });
    if (application.responseType !== request.responseType) return redirect({ error: 'unsupported_response_type' });
    const grant: Grant = {
      redirectUri: request.redirectUri,
      clientId: `${identity}/${request.applicationId}-${newSlugid().slice(0, 6)}`,
      scopes: intersectionOf(request.scope, this.#clients.expand(scopes)),
      expiresMs: endOf(request.expires, application.maxExpires),
      usableUntilMs: Date.now() + CODE_MS,
    };
    if (inFragment) return redirect({ access_token: this.#giveToken(grant), token_type: 'Bearer' });
    const code = newSlugid();
    this.#codes.set(code, grant);
    return redirect({ code });
  }

  /** Null for a code that is not one, or that was given for another page. */
  exchange(code: string, redirectUri: string): string | null {
    const grant = this.#codes.get(code);
    if (!grant || grant.redirectUri !== redirectUri || grant.usableUntilMs < Date.now()) return null;
    return this.#giveToken(grant);
  }

  /** Creates the client, so a grant gives credentials once. */
  credentials(token: string): { expires: string; credentials: { clientId: string; accessToken: string } } | null {
    const grant = this.#tokens.get(token);
    if (!grant || grant.usableUntilMs < Date.now()) return null;
    const { clientId, scopes, expiresMs } = grant;
    if (this.#clients.has(clientId)) return null;
    const accessToken = `${newSlugid()}${newSlugid()}`;
    this.#clients.put(clientId, { accessToken, scopes, expiresMs, disabled: false });
    return { expires: new Date(expiresMs - EARLY_MS).toISOString(), credentials: { clientId, accessToken } };
  }

  clear(): void {
    for (const all of [this.#users, this.#applications, this.#requests, this.#codes, this.#tokens]) all.clear();
  }

  #giveToken(grant: Grant): string {
    const token = Buffer.from(newSlugid()).toString('base64');
    this.#tokens.set(token, grant);
    return token;
  }
}

const isSameSet = (some: readonly string[], others: readonly string[]): boolean =>
  some.toSorted().join(' ') === others.toSorted().join(' ');

/** What is asked for, at most what the page may have; what is no time is not asked for. */
function endOf(wanted: string | null, most: string): number {
  const mostMs = fromNow(most).getTime();
  if (wanted === null) return mostMs;
  try {
    return Math.min(mostMs, fromNow(wanted).getTime());
  } catch {
    return mostMs;
  }
}
