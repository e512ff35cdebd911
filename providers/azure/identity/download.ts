import { isIP } from 'node:net';

/** Hosts that Microsoft and its authorities publish their certificates on. */
const hosts = new Set([
  'cacerts.digicert.com',
  'cacerts.digicert.cn',
  'cacerts.geotrust.com',
  'caissuers.microsoft.com',
]);
const MICROSOFT = { host: 'www.microsoft.com', path: '/pkiops/certs/' };
const TIMEOUT_MS = 5_000;
/** Bytes; a certificate has about 1,500. */
const MAX_SIZE = 64 * 1024;

/**
 * The address when we may fetch a certificate from it, else null. It comes out of a certificate that nobody has proved
 * yet, so it reaches nothing but the hosts above.
 */
export function allowedAddress(text: string): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null;
  // A default port reads as empty here.
  if (url.port !== '' || url.username !== '' || url.password !== '') return null;
  if (isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0) return null;
  const known = hosts.has(url.hostname) || (url.hostname === MICROSOFT.host && url.pathname.startsWith(MICROSOFT.path));
  return known ? url : null;
}

/** Gets up to 64 KiB within 5 s, without following redirects. Throws when there is no such answer. */
export async function download(url: URL): Promise<Buffer> {
  const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(
    (error: Error) => {
      const { message } = error.cause instanceof Error ? error.cause : error;
      throw new Error(`${url.host} gave no answer: ${message}`, { cause: error });
    },
  );
  if (answer.status !== 200 || !answer.body) {
    await answer.body?.cancel();
    throw new Error(`${url.host} answered with ${answer.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.length;
    if (size > MAX_SIZE) throw new Error(`${url.host} answered with more than ${MAX_SIZE} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
