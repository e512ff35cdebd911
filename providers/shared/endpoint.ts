import type { Problem } from '../../config/problems.js';
import { ProviderConfigError } from './config-error.js';
import { isLoopback } from '../../domain/loopback.js';

export interface Endpoint {
  readonly url: string;
  /** Plain http on this machine: an emulator. No credentials are read or sent. */
  readonly isEmulator: boolean;
}

/**
 * Checks an `endpoint` of the configuration. Throws ProviderConfigError for plain http to anything but a loopback
 * address (credentials and launches would be readable and forgeable on the way) and for a URL that holds credentials.
 */
export function parseEndpoint(text: string | null | undefined): Endpoint | null {
  if (text === null || text === undefined) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new ProviderConfigError('endpoint', 'must be an http or https URL');
  }
  if (url.username || url.password) throw new ProviderConfigError('endpoint', 'must not hold credentials');
  const isEmulator = url.protocol === 'http:';
  if (isEmulator && !isLoopback(url.hostname)) {
    throw new ProviderConfigError('endpoint', 'plain http is allowed for loopback addresses only; use https');
  }
  return { url: url.href, isEmulator };
}

/**
 * What a check of the configuration says of an `endpoint`, or of another key with an address; its form is the schema's
 * matter.
 */
export function endpointProblems(endpoint: unknown, key = 'endpoint'): readonly Problem[] {
  if (typeof endpoint !== 'string') return [];
  const url = URL.parse(endpoint);
  if (url && (url.protocol !== 'http:' || isLoopback(url.hostname))) return [];
  return [{ key, message: 'must be a URL; plain http is only for loopback addresses' }];
}

/** As part of the name of an account: an emulator may move to another port. */
export function nameOfEndpoint(endpoint: string | null, vendor: string): string {
  const parsed = parseEndpoint(endpoint);
  if (!parsed) return vendor;
  return parsed.isEmulator ? 'an emulator' : parsed.url;
}
