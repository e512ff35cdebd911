import { isObject } from '../../domain/values.js';
import { ProviderError } from '../errors.js';
import type { ComputeCalls } from './calls.js';

const IAM = 'https://iam.googleapis.com';

/**
 * Addresses of the account that machines run as: tokens name it by its id, launches by its address, and both never
 * change. Throws InvalidRequest where there is no such account, PermissionDenied where it may not be read.
 */
export function serviceAccountReader(calls: ComputeCalls, uniqueId: string): () => Promise<string> {
  let known: string | null = null;
  return async () => {
    known ??= await readAddress(calls, uniqueId);
    return known;
  };
}

async function readAddress(calls: ComputeCalls, uniqueId: string): Promise<string> {
  const path = `/v1/projects/${encodeURIComponent(calls.project)}/serviceAccounts/${encodeURIComponent(uniqueId)}`;
  const { status, body } = await calls.read('serviceAccounts.get', IAM, path);
  const { email, error } = Object(body) as { email?: unknown; error?: unknown };
  if (status === 200 && typeof email === 'string') return email;
  // A proxy's answer says nothing of the account.
  const code = isObject(error) ? codeOf(status) : 'Unavailable';
  const said = isObject(error) && typeof error.message === 'string' ? error.message.slice(0, 500) : `status ${status}`;
  throw new ProviderError({ code, message: `service account ${uniqueId}: ${said}` });
}

function codeOf(status: number) {
  if (status === 404 || status === 400) return 'InvalidRequest';
  if (status === 429) return 'Throttled';
  return status === 401 || status === 403 ? 'PermissionDenied' : 'Unavailable';
}
