import type { Provider } from '../providers/provider.js';
import type { ProviderRegistry } from '../providers/registry.js';
import { ApiError } from './errors.js';

/** Throws ProviderSetupFailed when the provider could not be set up; it is tried again, so a later call may succeed. */
export function requireReady(providers: ProviderRegistry, provider: Provider): Provider {
  if (providers.state(provider.providerId).state === 'failed') {
    throw new ApiError('ProviderSetupFailed', `Provider ${provider.providerId} cannot be used at the moment.`);
  }
  return provider;
}
