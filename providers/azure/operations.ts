import { orNull } from '../errors.js';
import type { ProviderErrorReason } from '../provider.js';
import type { AzureCalls } from './calls.js';

interface ArmError {
  readonly code?: string;
  readonly message?: string;
}

/**
 * Why a long-running operation failed, by its path (ARM, "Track asynchronous Azure operations"); null when it did not fail
 * or Azure remembers it no longer.
 */
export async function explainOperation(
  calls: AzureCalls,
  subscriptionId: string | null,
  path: string,
): Promise<ProviderErrorReason | null> {
  const answer = await orNull(calls.raw(subscriptionId, 'read', 'GET operations', { method: 'GET', path }));
  const { error } = (answer ?? {}) as { error?: ArmError };
  return error ? { message: error.message ?? 'Azure gives no reason', cloudCode: error.code ?? null } : null;
}
