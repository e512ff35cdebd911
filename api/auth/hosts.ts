import { isLoopback } from '../../domain/loopback.js';
import type { HostAndPort } from './hawk.js';

/** Longer than any host name with a port. */
const MAX_HOST_LENGTH = 262;
const HOST = /^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+)(:[0-9]{1,5})?$/;

const isHost = (text: string): boolean => text.length <= MAX_HOST_LENGTH && HOST.test(text);

/**
 * Why the Host header is not one that names one host; null when it is. Judged before anything else: each name that a
 * caller may give is a signature to compute. A load balancer that speaks HTTP/1.0 may send none.
 */
export function invalidHost(rawHeaders: readonly string[]): string | null {
  const hosts = rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'host');
  const [host] = hosts;
  if (hosts.length > 1 || (host !== undefined && !isHost(host)))
    return 'The request must name one host in one Host header.';
  return null;
}

export interface NamedHosts {
  readonly host: string | undefined;
  /** X-Forwarded-Host of a trusted proxy; undefined from anybody else. */
  readonly forwardedHost: string | undefined;
}

/**
 * Where the sender of a request may have thought that it sent it: the URLs under which the deployment is known, and
 * under their names and those of this machine whatever port the Host header, or the trusted proxy next to us, gives. A
 * signature for any other host was made for another service. Those that the request speaks for come first: each of the
 * others is a signature computed in vain.
 */
export function possibleHosts(named: NamedHosts, ownUrls: readonly string[]): HostAndPort[] {
  const own = ownUrls.map((url) => new URL(url));
  const urls = [named.host, forwardedName(named)].flatMap((name) => [
    ...ownUrl('http', name, own),
    ...ownUrl('https', name, own),
  ]);
  return distinct([...likelyHosts(named, ownUrls), ...[...own, ...urls].map(hostAndPort)]);
}

/**
 * Of those, the few that the names in the request speak for: each is a question to another service. A name without a
 * port is that of the own URL it belongs to, whatever TLS the proxy before us ends; a name that is not ours says
 * nothing.
 */
export function likelyHosts(named: NamedHosts, ownUrls: readonly string[]): HostAndPort[] {
  const own = ownUrls.map((url) => new URL(url));
  const name = forwardedName(named) ?? named.host;
  const [url] = ownUrl('http', name, own);
  if (!url) return distinct(own.map(hostAndPort));
  const sameName = own.filter(({ hostname }) => hostname === url.hostname);
  const hasPort = /:\d+$/.test(name ?? '');
  return distinct([...(hasPort || sameName.length === 0 ? [url] : []), ...sameName].map(hostAndPort));
}

/** As the proxy next to us sets it: the last of several is its own. */
const forwardedName = ({ forwardedHost }: NamedHosts): string | undefined =>
  forwardedHost?.slice(-MAX_HOST_LENGTH).split(',').at(-1)?.trim();

/** The name as a URL, when it is one of ours or of this machine. */
function ownUrl(scheme: string, name: string | undefined, own: readonly URL[]): URL[] {
  const text = `${scheme}://${name}`;
  if (name === undefined || !isHost(name) || !URL.canParse(text)) return [];
  const url = new URL(text);
  return isLoopback(url.hostname) || own.some(({ hostname }) => hostname === url.hostname) ? [url] : [];
}

const distinct = (all: readonly HostAndPort[]): HostAndPort[] =>
  all.filter((item, index) => all.findIndex((other) => isSame(item, other)) === index);

const hostAndPort = (url: URL): HostAndPort => ({
  host: url.hostname,
  port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
});

const isSame = (a: HostAndPort, b: HostAndPort): boolean => a.host === b.host && a.port === b.port;
