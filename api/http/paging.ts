import { createHmac } from 'node:crypto';
import { Type } from 'typebox';
import type { Page } from '../../database/client/paging.js';
import { inputError } from './errors.js';
import { sameText } from '../auth/secrets.js';

/** Most items in one answer, and how many come when the caller does not say. */
const MAX_ITEMS = 1000;
/** Bytes of a continuation token that prove it to be ours. */
const TOKEN_MARK_BYTES = 9;

export const pagingQuery = {
  continuationToken: Type.Optional(
    Type.String({ pattern: '^[A-Za-z0-9_-]{1,2000}$', description: 'From the answer before; opaque.' }),
  ),
  limit: Type.Optional(Type.String({ pattern: '^[0-9]{1,9}$', description: 'Most items to give, at most 1000.' })),
};

export interface PagingQuery {
  readonly continuationToken?: string | undefined;
  readonly limit?: string | undefined;
}

/**
 * Turns queries of one list into pages of the database and back. Tokens carry a mark made with the deployment's key and
 * the list's name, so that nothing but what this list gave out reaches a query.
 */
export class Paging {
  readonly #key: string;
  readonly #list: string;

  constructor(key: string, list: string) {
    this.#key = key;
    this.#list = list;
  }

  /** The page that a query names. Throws InputError for a token that this API did not give. */
  page(query: PagingQuery, maxItems = MAX_ITEMS): Page {
    const limit = query.limit === undefined ? maxItems : Math.min(Math.max(Number(query.limit), 1), maxItems);
    if (query.continuationToken === undefined) return { limit, after: null };
    const after = Buffer.from(query.continuationToken, 'base64url').subarray(TOKEN_MARK_BYTES).toString('utf8');
    if (!sameText(this.#token(after), query.continuationToken)) throw inputError('The continuationToken is not valid.');
    return { limit, after };
  }

  /** What a list's answer has beside its items: the token, when more follows. */
  continuation(after: string | null): { continuationToken?: string } {
    return after === null ? {} : { continuationToken: this.#token(after) };
  }

  #token(after: string): string {
    const mark = createHmac('sha256', this.#key)
      .update(`continuation/${this.#list}/${after}`)
      .digest()
      .subarray(0, TOKEN_MARK_BYTES);
    return Buffer.concat([mark, Buffer.from(after, 'utf8')]).toString('base64url');
  }
}
