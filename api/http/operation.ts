import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, type TObject, type TProperties, type TSchema, Type } from 'typebox';
import type { Caller } from '../auth/client.js';
import { missingScopes } from '../../domain/scopes.js';
import { isStorable } from './body.js';
import { ApiError } from './errors.js';

/** One call of the API. `name` is what clients call it, and what errors and logs say. */
export interface Operation<P extends TProperties, Q extends TProperties, B extends TSchema> {
  readonly name: string;
  /** Under which references group it. */
  readonly category: string;
  readonly stability: 'stable' | 'experimental';
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Below the API's prefix; a pool id is one component (see paths.ts). */
  readonly path: string;
  readonly summary: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly bodyLimit?: number;
  readonly response: TSchema;
  /**
   * Scopes that the caller needs, all of them, as far as the path tells; checked before anything else is read.
   * `public`: none, and credentials are not even read.
   */
  readonly scopes: 'public' | ((params: Static<TObject<P>>) => readonly string[]);
  /** Scopes that it needs beside these, by what query and body say; checked once both are known to be well formed. */
  readonly contentScopes?: (content: Content<P, Q, B>) => readonly string[];
  /** The body as an error may repeat it; without it, as it came. */
  readonly mask?: (body: unknown) => unknown;
  readonly handle: (call: Call<P, Q, B>) => Promise<unknown>;
}

/** What a request says; its schemas have let nothing else through. */
interface Content<P extends TProperties, Q extends TProperties, B extends TSchema> {
  readonly params: Static<TObject<P>>;
  readonly query: Static<TObject<Q>>;
  readonly body: Static<B>;
}

export interface Call<P extends TProperties, Q extends TProperties, B extends TSchema> extends Content<P, Q, B> {
  readonly caller: Caller;
  /** Where the request came from; behind a trusted proxy, what that says. */
  readonly address: string;
  readonly log: Log;
  /** When the session ends that the caller is known by, epoch milliseconds; null without one. */
  readonly sessionExpires: number | null;
  /** Whether it came through TLS, as far as a trusted proxy tells. */
  readonly isSecure: boolean;
  /** Of the answer. */
  readonly setHeader: (name: string, value: string) => void;
}

export type Log = FastifyRequest['log'];

/** What references say of an operation. */
export type DescribedOperation = Omit<Operation<TProperties, TProperties, TSchema>, 'handle' | 'mask' | 'bodyLimit'>;

declare module 'fastify' {
  interface FastifyInstance {
    /** All that were added, for references. */
    operations: DescribedOperation[];
  }
  interface FastifyContextConfig {
    operation?: string;
    isPublic?: boolean;
    /** Its answer has no end of its own. */
    isStream?: boolean;
    mask?: (body: unknown) => unknown;
  }
}

/** Adds an operation to the server. Pipeline: credentials, scopes, path, query, body, handler. */
export function addOperation<
  P extends TProperties = Record<never, never>,
  Q extends TProperties = Record<never, never>,
  B extends TSchema = TSchema,
>(app: FastifyInstance, operation: Operation<P, Q, B>): void {
  const { name, method, path, summary, params, query, body, bodyLimit, response } = operation;
  const { scopes, contentScopes, mask, handle } = operation;
  // Whoever describes it calls its functions with placeholders for whatever they read.
  app.operations.push(operation as unknown as DescribedOperation);
  // A bewit is a signature inside the query; whatever the operation, it is no unknown key.
  const querystring = Type.Object({ ...query, bewit: Type.Optional(Type.String()) }, { additionalProperties: false });
  const contentOf = ({ params: inPath, query: inQuery, body: sent }: FastifyRequest): Content<P, Q, B> => ({
    params: inPath as Static<TObject<P>>,
    query: inQuery as Static<TObject<Q>>,
    body: sent as Static<B>,
  });
  app.route({
    method,
    url: path,
    ...(bodyLimit === undefined ? {} : { bodyLimit }),
    config: { operation: name, isPublic: scopes === 'public', ...(mask ? { mask } : {}) },
    schema: {
      operationId: name,
      summary,
      ...(params ? { params: Type.Object(params) } : {}),
      querystring,
      ...(body ? { body } : {}),
      response: { 200: response },
    },
    onRequest: async (request) => {
      if (scopes !== 'public') requireScopes(request.caller, scopes(request.params as Static<TObject<P>>));
    },
    preHandler: async (request) => {
      assertStorable(request);
      if (contentScopes) requireScopes(request.caller, contentScopes(contentOf(request)));
    },
    handler: (request, reply) =>
      handle({
        ...contentOf(request),
        caller: request.caller,
        address: request.ip,
        log: request.log,
        sessionExpires: request.sessionExpires,
        isSecure: request.protocol === 'https',
        setHeader: (header, value) => void reply.header(header, value),
      }),
  });
}

/** What no body may hold, no address may: the database cannot keep it. */
function assertStorable({ params, query }: FastifyRequest): void {
  for (const [key, value] of [...Object.entries(params ?? {}), ...Object.entries(query ?? {})]) {
    if (typeof value !== 'string' || isStorable(value)) continue;
    throw new ApiError('InvalidRequestArguments', `${key} holds a NUL character or half a surrogate pair.`);
  }
}

/** Throws InsufficientScopes, which names what is missing. */
export function requireScopes(caller: Caller, required: readonly string[]): void {
  const missing = missingScopes(caller.scopes, required);
  if (missing.length === 0) return;
  const who = caller.clientId === null ? 'A call without credentials' : `Client ${caller.clientId}`;
  throw new ApiError(
    'InsufficientScopes',
    `${who} does not have these scopes, which are needed:\n${missing.join('\n')}`,
  );
}
