import type { HostAndPort } from './hawk.js';

const FORWARDED_HOST = 'x-forwarded-host';

/**
 * Where the sender of a request may have thought that it sent it: what the Host header says, what a trusted proxy says,
 * and the URLs under which the deployment is known. Behind an ingress the header may hold an inner name.
 */
export function possibleHosts(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  ownUrls: readonly string[],
  trustProxy: boolean,
): HostAndPort[] {
  const names = [headers.host, ...(trustProxy ? [headers[FORWARDED_HOST]] : [])]
    .flat()
    .flatMap((value) => value?.split(',') ?? [])
    .map((name) => name.trim());
  const named = names.flatMap((name) => [`http://${name}`, `https://${name}`]);
  const all = [...named, ...ownUrls].filter((url) => URL.canParse(url)).map((url) => hostAndPort(new URL(url)));
  return all.filter((item, index) => all.findIndex((other) => isSame(item, other)) === index);
}

const hostAndPort = (url: URL): HostAndPort => ({
  host: url.hostname,
  port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
});

const isSame = (a: HostAndPort, b: HostAndPort): boolean => a.host === b.host && a.port === b.port;
