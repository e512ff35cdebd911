import type { ProviderContext } from '../../provider.js';

export interface AdminCredentials {
  readonly adminUsername: string;
  readonly adminPassword: string;
}

/**
 * The administrator that Azure insists on and nobody uses. Derived, so that a repeated PUT is equal, and stored
 * nowhere: it exists while a request is written. 20 and 68 characters; Azure takes up to 20 and 72, and wants all
 * classes of characters.
 */
export function adminCredentials(context: ProviderContext, workerId: string): AdminCredentials {
  const name = Buffer.from(context.derive(`azure-admin-name/${workerId}`), 'base64url').toString('hex');
  return { adminUsername: `w${name.slice(0, 19)}`, adminPassword: `${context.derive(`azure-admin/${workerId}`)}-aA1` };
}
