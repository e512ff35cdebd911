import type { IncomingMessage } from 'node:http';
import { Refusal } from '../errors.js';

/**
 * The controls ask nobody who they are, so a page in the operator's browser must not reach them: it is known by its
 * Origin, or, when its name was made to point at this machine, by the Host. Programs send no Origin.
 */
export function assertOwnCaller({ headers }: IncomingMessage): void {
  const host = parse(`http://${headers.host ?? ''}`);
  if (!host || !isLoopback(host.hostname)) {
    throw new Refusal('AccessDenied', 'the simulator answers only under a name of this machine', 403);
  }
  if (headers.origin !== undefined && parse(headers.origin)?.host !== host.host) {
    throw new Refusal('AccessDenied', 'the simulator does not answer pages of other origins', 403);
  }
}

const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);

const parse = (url: string): URL | null => (URL.canParse(url) ? new URL(url) : null);
