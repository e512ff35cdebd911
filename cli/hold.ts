import type { Config } from '../config/schema.js';
import { EXIT, ExitError } from './exit.js';

const ANSWER_TIMEOUT_MS = 30_000;

interface Scope {
  readonly pool?: string;
  readonly all?: boolean;
}

/** Holds a pool, or all, through the API of the running deployment: an embedded database belongs to its process. */
export async function hold(config: Config, options: Scope & { readonly reason: string }): Promise<void> {
  await call(config, options, 'PUT', { reason: options.reason });
  console.log(`${options.pool ?? 'All pools'}: held; nothing is launched until it is released.`);
}

export async function release(config: Config, options: Scope): Promise<void> {
  await call(config, options, 'DELETE');
  console.log(`${options.pool ?? 'All pools'}: released.`);
}

async function call(config: Config, { pool, all }: Scope, method: 'PUT' | 'DELETE', body?: object): Promise<void> {
  if ((pool === undefined) === (all !== true)) throw new ExitError(EXIT.bad, 'give either --pool ID or --all');
  const { server, auth } = config;
  const base = server.publicUrl ?? `http://${server.host}:${server.port}`;
  const path = pool === undefined ? 'hold' : `worker-pool/${encodeURIComponent(pool)}/hold`;
  // With `static`, any client of the configuration will do whose scopes suffice; the API says so when they do not.
  const token = auth.type === 'static' ? auth.clients[0]?.accessToken : undefined;
  let response: Response;
  try {
    response = await fetch(`${base}/api/worker-manager/v1/${path}`, {
      method,
      headers: {
        ...(body && { 'content-type': 'application/json' }),
        ...(token && { authorization: `Bearer ${token}` }),
      },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
  } catch {
    throw new ExitError(EXIT.unreachable, `server: nothing answers at ${base}; is the worker manager running?`);
  }
  if (response.ok) return;
  const answer = (await response.json().catch(() => ({}))) as { code?: string; message?: string };
  throw new ExitError(EXIT.bad, `${answer.code ?? response.status}: ${answer.message?.split('\n')[0] ?? 'refused'}`);
}
