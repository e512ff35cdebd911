import { ignoreNotFound } from '../../errors.js';
import type { ProviderErrorReason } from '../../provider.js';
import type { AzureCalls } from './client.js';
import { innermostOf } from './errors.js';

/**
 * Why a long-running operation failed, by its path (ARM, "Track asynchronous Azure operations"); null when it did not
 * fail or Azure no longer has its record.
 */
export async function explainOperation(
  calls: AzureCalls,
  subscriptionId: string | null,
  path: string,
): Promise<ProviderErrorReason | null> {
  const answer = await ignoreNotFound(calls.raw(subscriptionId, 'read', 'GET operations', { method: 'GET', path }));
  const { error } = (answer ?? {}) as { error?: unknown };
  if (!error) return null;
  const { message, code } = innermostOf(error) ?? { message: 'Azure gives no reason', code: null };
  return { message, cloudCode: code };
}
