import { HOUR_MS } from '../../domain/durations.js';
import type { Client, Clients } from './client.js';
import { sameText, sessionMark } from './secrets.js';

/**
 * A browser's session: a cookie that names a client and proves that somebody gave its access token. It holds no scopes;
 * each call looks up those that the client has then.
 */
export const SESSION_COOKIE = 'worker-manager-session';
export const SESSION_MS = 12 * HOUR_MS;

export interface OpenedSession {
  readonly clientId: string;
  /** Epoch milliseconds. */
  readonly expires: number;
  /** What the cookie holds. */
  readonly value: string;
}

export function openSession(deploymentKey: string, client: Client, nowMs: number): OpenedSession {
  const { clientId } = client;
  const expires = Math.min(nowMs + SESSION_MS, client.expires ?? Infinity);
  const name = Buffer.from(clientId, 'utf8').toString('base64url');
  return { clientId, expires, value: `${name}.${expires}.${sessionMark(deploymentKey, client, expires)}` };
}

/** The client of a request's cookies, and until when its session lasts; null without a session of ours that lasts. */
export function sessionOf(
  cookies: string | undefined,
  { clients, deploymentKey }: { readonly clients: Clients; readonly deploymentKey: string },
  nowMs: number,
): { readonly client: Client; readonly expires: number } | null {
  const [, name = '', until = '', mark = ''] = SESSION.exec(cookies ?? '') ?? [];
  const expires = Number(until);
  if (name === '' || expires <= nowMs) return null;
  const client = clients.find(Buffer.from(name, 'base64url').toString('utf8'), nowMs);
  return client && sameText(mark, sessionMark(deploymentKey, client, expires)) ? { client, expires } : null;
}

const SESSION = new RegExp(`(?:^|;\\s*)${SESSION_COOKIE}=([\\w-]+)\\.(\\d{1,15})\\.([\\w-]+)(?:;|$)`);

export interface CookieRequest {
  readonly method: string;
  readonly host: string | undefined;
  /** Of a trusted proxy; undefined from anybody else. */
  readonly forwardedHost: string | undefined;
  readonly origin: string | undefined;
  /** The header Sec-Fetch-Site. */
  readonly site: string | string[] | undefined;
  readonly contentType: string | undefined;
}

/**
 * Whether a request may speak with its cookie, which a browser sends whoever's page makes the request. The API answers
 * pages of all origins (they have credentials of their own), so a cookie counts for no page but ours: none that names
 * another origin, and to change something the page must name ours and send JSON, which no form can.
 */
export function mayUseCookie(request: CookieRequest, ownUrls: readonly string[]): boolean {
  const { method, origin, site, contentType } = request;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  if (origin !== undefined && !isOwn(origin, request, ownUrls)) return false;
  if (method === 'GET' || method === 'HEAD') return true;
  return origin !== undefined && /^application\/json\s*(;|$)/i.test(contentType ?? '');
}

function isOwn(origin: string, { host, forwardedHost }: CookieRequest, ownUrls: readonly string[]): boolean {
  const url = URL.parse(origin);
  if (url === null) return false;
  return url.host === host || url.host === forwardedHost || ownUrls.some((own) => new URL(own).origin === url.origin);
}
