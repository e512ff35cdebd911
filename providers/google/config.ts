import type { CallClass, CallLimit } from '../rate-limit.js';

export interface GoogleProviderConfig {
  readonly providerType: 'google';
  readonly project: string;
  readonly workerServiceAccountId: string;
  readonly creds?: string | Readonly<Record<string, unknown>>;
  readonly endpoint: string | null;
  readonly jwksUrl: string | null;
  readonly rateLimits?: { readonly [Class in CallClass]?: CallLimit };
  readonly draining: boolean;
}
