import { createHash } from 'node:crypto';

/** Name of the budget of calls of one account, which `facts` tell; it keeps a hash of them. */
export const budgetName = (providerType: string, ...facts: readonly (string | null)[]): string =>
  `${providerType}:${createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 16)}`;
