import { orNull } from '../../errors.js';
import type { AzureCalls } from '../calls.js';

const API_VERSION = '2021-04-01';

/**
 * Resource groups that launch configs name and that are made when first needed. Callers share one look; a group that is
 * there is not looked for again, so it costs nothing for each worker. A failure is forgotten at once.
 */
export class ResourceGroups {
  private readonly calls: AzureCalls;
  private readonly known = new Map<string, Promise<void>>();

  constructor(calls: AzureCalls) {
    this.calls = calls;
  }

  async ensure(subscriptionId: string, name: string, location: string): Promise<void> {
    const key = `${subscriptionId}/${name}`.toLowerCase();
    const known = this.known.get(key);
    if (known) return await known;
    const looking = this.look(subscriptionId, name, location);
    this.known.set(key, looking);
    try {
      await looking;
    } catch (error) {
      this.known.delete(key);
      throw error;
    }
  }

  /** Azure says that it is not there (any more). */
  forget(subscriptionId: string, name: string): void {
    this.known.delete(`${subscriptionId}/${name}`.toLowerCase());
  }

  private async look(subscriptionId: string, name: string, location: string): Promise<void> {
    const path = `/subscriptions/${subscriptionId}/resourcegroups/${encodeURIComponent(name)}?api-version=${API_VERSION}`;
    const looking = this.calls.raw(subscriptionId, 'read', 'GET resourceGroups', { method: 'GET', path });
    // The answer may lack a body; that it came is what counts.
    if (await orNull(looking.then(() => true))) return;
    const body = { location };
    await this.calls.raw(subscriptionId, 'create', 'PUT resourceGroups', { method: 'PUT', path, body });
  }
}
