import { ProviderError } from '../../errors.js';
import type { MachineRef } from '../../provider.js';
import type { AzureCalls } from '../calls.js';
import { BUSY_RETRY_MS } from '../errors.js';
import { placeOf } from '../listing.js';
import { apiVersionOf, nameOf, rememberedOthers, typeOf } from './resources.js';

/**
 * Deletes a machine's remembered resources of types that no look shows. Resolves when nothing of them is left: Azure accepts
 * the deletion of what is there, and answers at once for what is not. Throws Unavailable until then.
 */
export async function removeOthers(calls: AzureCalls, machine: MachineRef): Promise<void> {
  const ids = rememberedOthers(machine);
  if (ids.length === 0) return;
  const { account } = placeOf(machine.location);
  const begun = await Promise.all(
    ids.map((id) =>
      calls.beginRaw(account, 'delete', `DELETE ${typeOf(id)?.split('/').at(-1)}`, {
        method: 'DELETE',
        path: `${id}?api-version=${apiVersionOf(id)}`,
      }),
    ),
  );
  const going = ids.filter((_, index) => begun[index] !== null);
  if (going.length === 0) return;
  throw new ProviderError({
    code: 'Unavailable',
    message: `${going.map(nameOf).join(', ')}: the deletion is under way`,
    retryAfterMs: BUSY_RETRY_MS,
  });
}
