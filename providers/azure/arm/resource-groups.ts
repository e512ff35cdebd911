import { ignoreNotFound } from '../../errors.js';
import type { AzureCalls } from './client.js';
import { type ResourceGroupRef, groupKey } from './scope.js';

const API_VERSION = '2021-04-01';

/**
 * Resource groups that launch configs name and that are created when first needed. Callers share one read; a group that
 * is there is not read again, so it costs nothing for each worker. A failure is forgotten at once.
 */
export class ResourceGroups {
  private readonly calls: AzureCalls;
  private readonly known = new Map<string, Promise<void>>();

  constructor(calls: AzureCalls) {
    this.calls = calls;
  }

  async ensure(groupRef: ResourceGroupRef, location: string): Promise<void> {
    const key = groupKey(groupRef);
    const known = this.known.get(key);
    if (known) return await known;
    const reading = this.ensureExists(groupRef, location);
    this.known.set(key, reading);
    try {
      await reading;
    } catch (error) {
      this.known.delete(key);
      throw error;
    }
  }

  /** Azure says that it is not there (any more). */
  forget(groupRef: ResourceGroupRef): void {
    this.known.delete(groupKey(groupRef));
  }

  private async ensureExists({ account, group }: ResourceGroupRef, location: string): Promise<void> {
    const path = `/subscriptions/${account}/resourcegroups/${encodeURIComponent(group)}?api-version=${API_VERSION}`;
    const reading = this.calls.raw(account, 'read', 'GET resourceGroups', { method: 'GET', path });
    // The answer may lack a body; that it came is what counts.
    if (await ignoreNotFound(reading.then(() => true))) return;
    const body = { location };
    await this.calls.raw(account, 'create', 'PUT resourceGroups', { method: 'PUT', path, body });
  }
}
