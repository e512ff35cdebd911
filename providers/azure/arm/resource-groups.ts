import { orNull } from '../../errors.js';
import type { AzureCalls } from './client.js';
import { type Place, placeKey } from './scope.js';

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

  async ensure(place: Place, location: string): Promise<void> {
    const key = placeKey(place);
    const known = this.known.get(key);
    if (known) return await known;
    const looking = this.look(place, location);
    this.known.set(key, looking);
    try {
      await looking;
    } catch (error) {
      this.known.delete(key);
      throw error;
    }
  }

  /** Azure says that it is not there (any more). */
  forget(place: Place): void {
    this.known.delete(placeKey(place));
  }

  private async look({ account, group }: Place, location: string): Promise<void> {
    const path = `/subscriptions/${account}/resourcegroups/${encodeURIComponent(group)}?api-version=${API_VERSION}`;
    const looking = this.calls.raw(account, 'read', 'GET resourceGroups', { method: 'GET', path });
    // The answer may lack a body; that it came is what counts.
    if (await orNull(looking.then(() => true))) return;
    const body = { location };
    await this.calls.raw(account, 'create', 'PUT resourceGroups', { method: 'PUT', path, body });
  }
}
