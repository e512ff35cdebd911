import { type Static, Type } from 'typebox';
import { passedOverReasons } from '../../domain/selection.js';
import { estimateBounds } from '../../domain/estimator.js';
import { closed, nullable, oneOf } from './common.js';
import { named } from './names.js';

const ids = Type.Array(Type.String());
const number = Type.Number();

/** What a definition would do, were it the pool's now. */
export const dryRunResponse = named(
  'worker-pool-dry-run',
  closed({
    outcome: oneOf(['created', 'updated']),
    /** Where it works otherwise than it reads. */
    remarks: Type.Array(Type.String()),
    launchConfigs: closed({ created: ids, revised: ids, archived: ids }),
    /** Why nothing would be launched at the moment, whatever is wanted. */
    blockedBy: Type.Array(Type.String()),
    /** As the last poll read them; null where none has. */
    pendingTasks: nullable(number),
    claimedTasks: nullable(number),
    existingCapacity: number,
    /** Of launch configs that are archived then: it is replaced. */
    archivedCapacity: number,
    wantedCapacity: number,
    roomCapacity: number,
    spawnCapacity: number,
    bound: oneOf(estimateBounds),
    /** One draw of the launch configs, before limits of the deployment; another one may give others. */
    choices: Type.Array(closed({ launchConfigId: Type.String(), machines: number, capacity: number })),
    passedOver: Type.Array(closed({ launchConfigId: Type.String(), reason: oneOf(passedOverReasons) })),
    /** Launch configs of which no request can be made. */
    refused: Type.Array(closed({ launchConfigId: Type.String(), reason: Type.String() })),
  }),
);

export type DryRun = Static<typeof dryRunResponse>;
