import { parseInstant } from '../../domain/instants.js';
import { sameText } from './secrets.js';
import { issuerScopes, type Issuer } from './credentials.js';

/** Someone who may call the API with an access token of their own. */
export interface Client {
  readonly clientId: string;
  readonly accessToken: string;
  readonly scopes: readonly string[];
  /** Epoch milliseconds; null for never. */
  readonly expires: number | null;
}

/** Who a request turned out to come from, and what they may do. */
export interface Caller {
  /** Null for a call without credentials. */
  readonly clientId: string | null;
  readonly scopes: readonly string[];
}

/** A caller, and where the signature covers the body, the hash that it must have. */
export interface Authenticated extends Caller {
  readonly payloadHash?: string | undefined;
}

/** Credentials that do not hold. `message` is for the caller and says nothing about which part was nearly right. */
export class AuthenticationError extends Error {
  override readonly name = 'AuthenticationError';
  /** What the answer's WWW-Authenticate says: with our time, where the caller's clock is what is wrong. */
  readonly challenge: string;

  constructor(message: string, challenge = 'Hawk') {
    super(message);
    this.challenge = challenge;
  }
}

export interface StaticClient {
  readonly clientId: string;
  readonly accessToken: string;
  readonly scopes: readonly string[];
  readonly expires?: string | undefined;
}

/** The configured clients and the issuer, which is a client too. */
export class Clients {
  readonly #byId: ReadonlyMap<string, Client>;

  constructor(configured: readonly StaticClient[], issuer: Issuer) {
    const clients: Client[] = configured.map((client) => ({
      ...client,
      expires: client.expires === undefined ? null : parseInstant(client.expires),
    }));
    clients.push({ ...issuer, scopes: issuerScopes, expires: null });
    this.#byId = new Map(clients.map((client) => [client.clientId, client]));
  }

  /** Null when there is no such client, or no longer. */
  find(clientId: string, nowMs: number): Client | null {
    const client = this.#byId.get(clientId);
    return client && !hasExpired(client, nowMs) ? client : null;
  }

  /** The one client of this access token. Compares all clients, so that the time it takes tells nothing. */
  findByToken(accessToken: string, nowMs: number): Client | null {
    const matches = [...this.#byId.values()].filter((client) => sameText(client.accessToken, accessToken));
    const [client] = matches;
    return matches.length === 1 && client && !hasExpired(client, nowMs) ? client : null;
  }
}

const hasExpired = (client: Client, nowMs: number): boolean => client.expires !== null && client.expires <= nowMs;
