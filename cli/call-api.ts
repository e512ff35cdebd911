import hawk from 'hawk';
import { API_PREFIX } from '../api/http/paths.js';
import type { Config } from '../config/schema.js';
import { EXIT, ExitError } from './exit.js';

const ANSWER_TIMEOUT_MS = 30_000;

/**
 * One call of the API of the running deployment: an embedded database belongs to its process. Gives the answer's body.
 */
export async function callApi(
  { server, auth }: Config,
  method: 'GET' | 'PUT' | 'POST' | 'DELETE',
  path: string,
  body?: object,
): Promise<unknown> {
  const base = server.publicUrl ?? `http://${server.host}:${server.port}`;
  const url = `${base}${API_PREFIX}/${path}`;
  const authorization = authorizationFor(auth, method, url);
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers: authorization ? { authorization } : {},
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      ...(body && jsonBody(body, authorization)),
    });
  } catch {
    throw new ExitError(EXIT.unreachable, `server: nothing answers at ${base}; is the worker manager running?`);
  }
  const answer = (await response.json().catch(() => ({}))) as { code?: string; message?: string };
  if (response.ok) return answer;
  throw new ExitError(EXIT.bad, `${answer.code ?? response.status}: ${answer.message?.split('\n')[0] ?? 'refused'}`);
}

const jsonBody = (body: object, authorization: string | undefined) => ({
  headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
  body: JSON.stringify(body),
});

/** The API says so when the scopes of whoever signs do not suffice. */
function authorizationFor({ type, clients }: Config['auth'], method: string, url: string): string | undefined {
  switch (type) {
    case 'open':
      return undefined;
    case 'static': {
      // Any client of the configuration will do.
      const [client] = clients;
      return client && `Bearer ${client.accessToken}`;
    }
    case 'taskcluster':
      return signedByCaller(method, url, process.env);
  }
}

/** With the variables that Taskcluster's own tools read. */
function signedByCaller(method: string, url: string, env: NodeJS.ProcessEnv): string {
  const { TASKCLUSTER_CLIENT_ID: id, TASKCLUSTER_ACCESS_TOKEN: key, TASKCLUSTER_CERTIFICATE: certificate } = env;
  if (!id || !key) {
    throw new ExitError(EXIT.bad, 'set TASKCLUSTER_CLIENT_ID and TASKCLUSTER_ACCESS_TOKEN: auth.type is taskcluster');
  }
  const ext = certificate && Buffer.from(`{"certificate":${certificate}}`).toString('base64');
  return hawk.client.header(url, method, { credentials: { id, key, algorithm: 'sha256' }, ...(ext && { ext }) }).header;
}
