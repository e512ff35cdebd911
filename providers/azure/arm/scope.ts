import type { MachineLocation } from '../../../domain/worker.js';
import { ProviderError } from '../../errors.js';

/** A subscription and a resource group in it. */
export interface ResourceGroupRef {
  readonly account: string;
  readonly group: string;
}

/** A stable text form of a place, for maps: Azure's names have no case. */
export const groupKey = ({ account, group }: Pick<MachineLocation, 'account' | 'group'>): string =>
  `${account}/${group}`.toLowerCase();

/** Where a row says that its machine is. Throws InvalidRequest for a row that was never a machine of Azure. */
export function groupRefOf({ account, group }: MachineLocation): ResourceGroupRef {
  if (account !== null && group !== null) return { account, group };
  throw new ProviderError({
    code: 'InvalidRequest',
    message: 'A machine of Azure has a subscription and a resource group',
  });
}
