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
 * Where the sender of a request may have thought that it sent it: the URLs under which the deployment is known, and under
 * their names and those of this machine whatever port the Host header, or the trusted proxy next to us, gives. A signature
 * for any other host was made for another service.
 */
export function possibleHosts(named: NamedHosts, ownUrls: readonly string[]): HostAndPort[] {
  const own = ownUrls.map((url) => new URL(url));
  const forwarded = named.forwardedHost?.slice(-MAX_HOST_LENGTH).split(',').at(-1)?.trim();
  const names = [named.host, forwarded].filter((name) => name !== undefined && isHost(name));
  const urls = names
    .flatMap((name) => [`http://${name}`, `https://${name}`])
    .filter((url) => URL.canParse(url))
    .map((url) => new URL(url))
    .filter(({ hostname }) => isLoopback(hostname) || own.some((url) => url.hostname === hostname));
  const all = [...own, ...urls].map(hostAndPort);
  return all.filter((item, index) => all.findIndex((other) => isSame(item, other)) === index);
}

const hostAndPort = (url: URL): HostAndPort => ({
  host: url.hostname,
  port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
});

const isSame = (a: HostAndPort, b: HostAndPort): boolean => a.host === b.host && a.port === b.port;
