import type { FastifyInstance, FastifySchema } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { errorCatalogue, type ErrorCode, errorCodes } from '../../domain/error-catalogue.js';
import { closed } from '../schemas/common.js';
import type { DescribedOperation } from './operation.js';

/**
 * What `/openapi.json` says of every operation alike: how callers prove who they are, and which errors they may get.
 */

export const securitySchemes = {
  hawk: {
    type: 'apiKey',
    in: 'header',
    name: 'Authorization',
    description: 'A Hawk signature, by permanent or by temporary credentials.',
  },
  bearer: { type: 'http', scheme: 'bearer', description: 'The access token of a client of the configuration.' },
  bewit: { type: 'apiKey', in: 'query', name: 'bewit', description: 'A Hawk signature of a GET, good for a while.' },
} as const;

/** Without credentials a call has no scopes; with `auth.type: open` it has all of them. */
const securityOf = ({ scopes, method }: DescribedOperation): readonly Readonly<Record<string, readonly string[]>>[] =>
  scopes === 'public' ? [] : [{ hawk: [] }, { bearer: [] }, ...(method === 'GET' ? [{ bewit: [] }] : []), {}];

/** An error's body where only these codes are possible. */
const errorSchema = (codes: readonly ErrorCode[]) =>
  closed({
    code: Type.Union(codes.map((code) => Type.Literal(code))),
    message: Type.String(),
    requestInfo: closed({
      method: Type.String(),
      params: Type.Unknown(),
      payload: Type.Unknown(),
      time: Type.String(),
    }),
  });

/** What an error's headers add, by its status. */
const errorHeaders: Readonly<Record<number, Readonly<Record<string, object>>>> = {
  401: { 'WWW-Authenticate': { type: 'string', description: 'Of Hawk, with the time where the clock is off.' } },
  405: { Allow: { type: 'string', description: 'The methods that the path has.' } },
  503: { 'Retry-After': { type: 'string', description: 'Seconds.' } },
};

interface Transformed {
  readonly schema: FastifySchema;
  readonly url: string;
}

/** For the framework's plugin: completes the schema of each route that is an operation. */
export const documented =
  (app: FastifyInstance) =>
  ({ schema, url }: Transformed): Transformed => {
    const operation = app.operations.find(({ name }) => name === schema?.operationId);
    if (!operation) return { schema, url };
    const { querystring, response } = schema as { querystring?: TSchema; response: Record<string, TSchema> };
    return {
      url,
      schema: {
        ...schema,
        // Among the parameters of every route, to be no unknown key; it is a signature.
        ...(querystring && { querystring: withoutBewit(querystring) }),
        tags: [operation.category],
        security: securityOf(operation),
        response: { ...errorResponses(operation), ...response },
      },
    };
  };

function withoutBewit(querystring: TSchema): object {
  const { bewit: _, ...properties } = (querystring as { properties?: Record<string, TSchema> }).properties ?? {};
  return { ...querystring, properties };
}

function errorResponses({ scopes, params, body, method }: DescribedOperation): Record<string, object> {
  const codes = errorCodes.filter((code) => {
    if (code === 'ResourceExpired') return false;
    if (code === 'AuthenticationFailed') return scopes !== 'public';
    if (code === 'ResourceNotFound') return params !== undefined || body !== undefined;
    if (code === 'RequestConflict') return method !== 'GET';
    if (code === 'InputTooLarge') return body !== undefined;
    return true;
  });
  const byStatus = Map.groupBy(codes, (code) => errorCatalogue[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, of]) => {
      const headers = errorHeaders[status];
      return [status, { ...errorSchema(of), description: describe(of), ...(headers && { headers }) }];
    }),
  );
}

const describe = (codes: readonly ErrorCode[]): string =>
  codes.map((code) => `${code}: ${errorCatalogue[code].meaning}`).join(' ');
