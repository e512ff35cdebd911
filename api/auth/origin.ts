import { isLoopback } from '../../domain/loopback.js';

/**
 * In `open` mode whoever reaches the API may do everything, so a page in the operator's browser must not: a foreign
 * page is known by its Origin, or, when its name was made to point at this machine, by the Host. Null when all is well,
 * else what to say.
 */
export function foreignRequest(
  headers: { readonly host?: string | undefined; readonly origin?: string | undefined },
  ownUrls: readonly string[],
): string | null {
  const own = ownUrls.map((url) => new URL(url));
  const host = parse(`http://${headers.host ?? ''}`);
  if (!host) return 'The request has no valid Host header.';
  if (!isLoopback(host.hostname) && !own.some((url) => url.hostname === host.hostname)) {
    return 'Without authentication, the API answers only under its own name.';
  }
  if (headers.origin === undefined) return null;
  const isOwn = own.some((url) => url.origin === headers.origin) || parse(headers.origin)?.host === host.host;
  return isOwn ? null : 'Without authentication, the API does not answer pages of other origins.';
}

const parse = (url: string): URL | null => (URL.canParse(url) ? new URL(url) : null);
