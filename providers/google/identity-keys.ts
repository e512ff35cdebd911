import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { ProviderError } from '../errors.js';
import { messageOf } from '../../domain/values.js';

/** Where Google publishes the keys of its identity tokens. */
export const GOOGLE_JWKS_URL = 'https://www.googleapis.com/oauth2/v3/certs';

const FETCH_TIMEOUT_MS = 5_000;
/** Of an answer without `Cache-Control`. */
const DEFAULT_MAX_AGE_MS = 10 * 60_000;
/** Between two fetches for the sake of a key that is not known: whoever sends tokens chooses its name. */
const UNKNOWN_KEY_INTERVAL_MS = 30_000;
/** Between two fetches of keys that have outlived their time while the address does not answer. */
const RETRY_INTERVAL_MS = 10_000;
const MAX_BODY_BYTES = 256 * 1024;

export interface KeySource {
  fetch(url: string, init: { signal: AbortSignal }): Promise<Response>;
  /** Milliseconds of a clock that only goes on. */
  now(): number;
}

const realSource: KeySource = { fetch: (url, init) => fetch(url, init), now: () => performance.now() };

/**
 * Google's keys by their id. They are fetched anew when their `Cache-Control` has ended, and kept when that fails:
 * Google announces a key long before it uses it, so that old keys hold through an outage of the address. Throws
 * ProviderError(Unavailable) when a key cannot be had: then the token may be good.
 */
export class IdentityKeys {
  private readonly url: string;
  private readonly source: KeySource;
  private keys: ReturnType<typeof createLocalJWKSet> | null = null;
  private staleAt = 0;
  private notBefore = Number.NEGATIVE_INFINITY;
  private fetching: Promise<void> | null = null;
  private failure: string | null = null;

  constructor(url: string, source: KeySource = realSource) {
    this.url = url;
    this.source = source;
  }

  readonly get: JWTVerifyGetKey = async (header, token) => {
    if (this.source.now() >= this.staleAt) await this.refresh(RETRY_INTERVAL_MS);
    try {
      return await this.known()(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    }
    // A new key, perhaps; and while the address does not answer nobody can say that there is none.
    await this.refresh(UNKNOWN_KEY_INTERVAL_MS);
    try {
      return await this.known()(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey && this.failure !== null) throw this.unavailable();
      throw error;
    }
  };

  private known() {
    if (!this.keys) throw this.unavailable();
    return this.keys;
  }

  private unavailable(): ProviderError {
    const message = `Google’s keys cannot be had from ${this.url}: ${this.failure ?? 'not fetched yet'}`;
    return new ProviderError({ code: 'Unavailable', message });
  }

  /** One fetch for all who wait, and none so soon after another. Never rejects. */
  private refresh(intervalMs: number): Promise<void> {
    if (this.fetching) return this.fetching;
    if (this.source.now() < this.notBefore) return Promise.resolve();
    this.fetching = this.load().finally(() => {
      this.notBefore = this.source.now() + intervalMs;
      this.fetching = null;
    });
    return this.fetching;
  }

  private async load(): Promise<void> {
    try {
      const answer = await this.source.fetch(this.url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const text = await answer.text();
      if (text.length > MAX_BODY_BYTES) throw new Error('the answer is too long');
      this.keys = createLocalJWKSet(JSON.parse(text) as JSONWebKeySet);
      this.staleAt = this.source.now() + maxAgeMs(answer.headers.get('cache-control'));
      this.failure = null;
    } catch (error) {
      this.failure = messageOf(error);
    }
  }
}

function maxAgeMs(cacheControl: string | null): number {
  const seconds = /(?:^|[\s,])max-age=(\d{1,9})/.exec(cacheControl ?? '')?.[1];
  return seconds === undefined ? DEFAULT_MAX_AGE_MS : Number(seconds) * 1_000;
}
