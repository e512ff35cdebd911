import { signedBy } from '../../api/auth/sign.js';
import { API_PREFIX } from '../../api/http/paths.js';
import { EXIT, ExitError } from '../exit.js';

const ANSWER_TIMEOUT_MS = 30_000;

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

/** The API of a running deployment, spoken to with an operator's own credentials. No configuration of the server. */
export interface Connection {
  /** Gives the answer's body; `path` is below the API's prefix. */
  readonly call: (method: Method, path: string, body?: object) => Promise<unknown>;
  /** Gives what goes on coming; `path` is below the server's address. */
  readonly stream: (path: string, signal?: AbortSignal) => Promise<AsyncIterable<Uint8Array>>;
}

/** Of one answer that was no success, for callers that know what to make of it. */
export class RefusedError extends ExitError {
  readonly status: number;

  constructor(status: number, message: string) {
    super(EXIT.bad, message);
    this.status = status;
  }
}

export function connect({ url }: { readonly url?: string | undefined }, env: NodeJS.ProcessEnv): Connection {
  const base = baseOf(url ?? (env['WORKER_MANAGER_URL'] || env['TASKCLUSTER_ROOT_URL']));
  const send = async (method: Method, path: string, signal: AbortSignal, body?: object): Promise<Response> => {
    const target = `${base}${path}`;
    const authorization = authorizationOf(method, target, env);
    const response = await fetch(target, {
      method,
      headers: {
        ...(authorization && { authorization }),
        ...(body && { 'content-type': 'application/json' }),
      },
      // A redirect would take the credentials along.
      redirect: 'error',
      signal,
      ...(body && { body: JSON.stringify(body) }),
    }).catch(() => {
      throw new ExitError(EXIT.unreachable, `nothing answers at ${base}; is the worker manager running?`);
    });
    if (response.ok) return response;
    const answer = (await response.json().catch(() => ({}))) as { code?: string; message?: string };
    throw new RefusedError(response.status, sayRefusal(response.status, answer, authorization !== undefined));
  };
  return {
    async call(method, path, body) {
      const response = await send(method, `${API_PREFIX}/${path}`, AbortSignal.timeout(ANSWER_TIMEOUT_MS), body);
      return await response.json().catch(() => ({}));
    },
    async stream(path, signal) {
      // What goes on coming has no end by itself; its begin does.
      const begins = new AbortController();
      const late = setTimeout(() => begins.abort(), ANSWER_TIMEOUT_MS);
      try {
        const { body, headers } = await send(
          'GET',
          `/${path}`,
          AbortSignal.any([begins.signal, ...(signal ? [signal] : [])]),
        );
        if (body && headers.get('content-type')?.startsWith('text/event-stream')) return body;
        throw new RefusedError(404, 'the server has no events');
      } finally {
        clearTimeout(late);
      }
    },
  };
}

function baseOf(url: string | undefined): string {
  if (!url) throw new ExitError(EXIT.bad, 'no server: give --url URL or set WORKER_MANAGER_URL');
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new ExitError(EXIT.bad, '--url: an address such as https://worker-manager.example.com');
  }
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname.replace(/\/+$/, '')}`;
}

/** A token of a client of the server's configuration, or what Taskcluster's own tools read. */
function authorizationOf(method: Method, url: string, env: NodeJS.ProcessEnv): string | undefined {
  const { WORKER_MANAGER_TOKEN: token, TASKCLUSTER_CLIENT_ID: id, TASKCLUSTER_ACCESS_TOKEN: key } = env;
  if (token) return `Bearer ${token}`;
  if (!id || !key) return undefined;
  const certificate = env['TASKCLUSTER_CERTIFICATE'];
  return signedBy({ clientId: id, accessToken: key, certificate }, { method, url });
}

/** The API's own words, with the scopes that are missing; without what it repeats of the request. */
function sayRefusal(status: number, { code, message }: { code?: string; message?: string }, signed: boolean): string {
  const words = (message ?? 'refused').split('\n\n---\n', 1)[0]!.trim();
  const credentials = 'set WORKER_MANAGER_TOKEN, or TASKCLUSTER_CLIENT_ID and TASKCLUSTER_ACCESS_TOKEN';
  const missing = !signed && (status === 401 || status === 403) ? `\nno credentials were sent: ${credentials}` : '';
  return `${code ?? status}: ${words}${missing}`;
}

/** All pages of a list, up to `limit` items. */
export async function listAll<Item>(
  { call }: Connection,
  path: string,
  member: string,
  limit = Number.POSITIVE_INFINITY,
): Promise<Item[]> {
  const items: Item[] = [];
  const separator = path.includes('?') ? '&' : '?';
  let token: string | undefined;
  do {
    const query = [
      ...(Number.isFinite(limit) ? [`limit=${Math.min(1000, limit - items.length)}`] : []),
      ...(token === undefined ? [] : [`continuationToken=${token}`]),
    ];
    const answer = (await call('GET', query.length === 0 ? path : `${path}${separator}${query.join('&')}`)) as {
      continuationToken?: string;
    } & Record<string, Item[]>;
    items.push(...(answer[member] ?? []));
    token = answer.continuationToken;
  } while (token !== undefined && items.length < limit);
  return items.slice(0, limit);
}

export const pathPart = encodeURIComponent;
