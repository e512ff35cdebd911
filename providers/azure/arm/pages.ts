import { ProviderError } from '../../errors.js';
import type { AzureCalls, AzureClients } from './client.js';
import type { ResourceGroupRef } from './scope.js';

interface Pages<Item> {
  byPage(settings: { continuationToken?: string }): AsyncIterator<Item[] & { continuationToken?: string }>;
}

/** All items of a list, one call for each page. */
export async function pages<Item>(
  calls: AzureCalls,
  { account }: ResourceGroupRef,
  operation: string,
  list: (clients: AzureClients) => Pages<Item>,
): Promise<Item[]> {
  const items: Item[] = [];
  let continuationToken: string | undefined;
  do {
    const settings = continuationToken === undefined ? {} : { continuationToken };
    const page = await calls.call(account, 'read', operation, (clients) => list(clients).byPage(settings).next());
    if (page.done) break;
    items.push(...page.value);
    continuationToken = page.value.continuationToken;
  } while (continuationToken !== undefined);
  return items;
}

/** What a read of one resource gives. An answer that names none is not Azure's (a proxy's page), and proves nothing. */
export function shown<Read>(answer: Read): Read {
  if (typeof (answer as { id?: unknown } | null | undefined)?.id === 'string') return answer;
  throw new ProviderError({ code: 'Unavailable', message: 'The answer shows no resource' });
}

/** What a list of a resource group gives; nothing when the group is gone, and all in it. */
export async function emptyIfGroupMissing<Item>(listing: Promise<Item[]>): Promise<Item[]> {
  try {
    return await listing;
  } catch (error) {
    if (error instanceof ProviderError && error.cloudCode === 'ResourceGroupNotFound') return [];
    throw error;
  }
}
