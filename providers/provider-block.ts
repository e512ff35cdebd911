import { NULL_PROVIDER } from '../domain/ids.js';
import { LAUNCHES_NOTHING } from '../domain/pool-status.js';
import type { Providers } from './configured.js';

/** Why this provider launches nothing now, in words; null when it may. */
export function providerBlock(providers: Providers, providerId: string): string | null {
  if (providerId === NULL_PROVIDER) return 'the pool has been deleted';
  const provider = providers.get(providerId);
  if (!provider) return `provider ${providerId} is not configured`;
  if (providers.state(providerId).state === 'failed') return `provider ${providerId} is not healthy`;
  // guard(draining-provider-launches-nothing): false
  if (providers.isDraining(providerId)) return `provider ${providerId} is draining`;
  return provider.launching ? null : `provider ${providerId} ${LAUNCHES_NOTHING}`;
}
