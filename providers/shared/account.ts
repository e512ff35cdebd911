import { createHash } from 'node:crypto';
import type { ProviderConfig } from '../../config/schema.js';
import { parseEndpoint } from './endpoint.js';

/**
 * Which account of a cloud a configuration speaks for, as far as it says. Neither of these calls the cloud.
 */

/**
 * What must not change under a provider's id while it has machines: they would look gone from the other account. Null
 * where there is no account (static). Keys may be replaced, and emulators may move to another port of this machine.
 */
export function accountOf(config: ProviderConfig): string | null {
  switch (config.providerType) {
    case 'aws':
      return `AWS at ${placeOf(config.endpoint, 'Amazon’s own endpoints')}`;
    case 'azure':
      return `subscription ${config.subscriptionId.toLowerCase()} at ${placeOf(config.endpoint, 'Microsoft’s own endpoint')}`;
    case 'static':
      return null;
  }
}

/**
 * The first part of rate-limit buckets: providers that are known to be of one account share its limits
 * (ARCHITECTURE.md#cloud-limits). AWS tells the account by the access key only, of which this keeps a hash; two keys of
 * one account are two here.
 */
export function budgetOf(providerId: string, config: ProviderConfig): string {
  switch (config.providerType) {
    case 'aws':
      return hashed('aws', config.endpoint, config.credentials?.accessKeyId ?? null);
    case 'azure':
      return hashed('azure', config.endpoint, config.subscriptionId.toLowerCase());
    case 'static':
      return providerId;
  }
}

/** The budgets of configured providers, for the limiter. A provider that is not configured has one of its own. */
export const budgetsOf =
  (configs: Readonly<Record<string, ProviderConfig>>) =>
  (providerId: string): string => {
    const config = configs[providerId];
    return config ? budgetOf(providerId, config) : providerId;
  };

const placeOf = (endpoint: string | null, vendor: string): string => {
  const parsed = parseEndpoint(endpoint);
  if (!parsed) return vendor;
  return parsed.isEmulator ? 'an emulator' : parsed.url;
};

const hashed = (type: string, ...facts: readonly (string | null)[]): string =>
  `${type}:${createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 16)}`;
