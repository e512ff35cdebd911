import { createHash } from 'node:crypto';

/** Name of the budget of calls of one account, which `identityAttributes` tell; it keeps a hash of them. */
export const budgetName = (providerType: string, ...identityAttributes: readonly (string | null)[]): string =>
  `${providerType}:${createHash('sha256').update(JSON.stringify(identityAttributes)).digest('hex').slice(0, 16)}`;
