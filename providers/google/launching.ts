import { ProviderError } from '../errors.js';
import type {
  BulkLaunching,
  PreparedLaunch,
  LaunchedMachine,
  ProviderContext,
  ProviderErrorReason,
} from '../provider.js';
import type { ComputeCalls } from './calls.js';
import { launchedMachine, listInstances, type ZoneRef } from './instances.js';
import { type GoogleRequest, prepareLaunch } from './launch-request.js';
import { machineNames } from './names.js';
import { isNameTaken, reasonsOf } from './operation-errors.js';
import {
  childOperations,
  createdBy,
  errorsOf,
  isDone,
  listOperations,
  type Operation,
  type OperationWaits,
} from './operations.js';
import { ofDeployment, ofLaunch } from './tags.js';

/** Machines in one launch: one page of a list shows them all. */
const MAX_PER_LAUNCH = 500;
/** Google knows a request id as long as its operation, which it keeps for an hour. */
const MAX_TOKEN_AGE_MS = 45 * 60_000;
/** An attempt has 40 s, and reads after the operation has ended. */
const OPERATION_TIMEOUT_MS = 30_000;
const SCOPES = ['https://www.googleapis.com/auth/cloud-platform'];

export interface LaunchingParts {
  readonly calls: ComputeCalls;
  readonly waits: OperationWaits;
  readonly context: ProviderContext;
  /** Address of the account that machines run as. */
  readonly serviceAccount: () => Promise<string>;
}

/**
 * Launches by the zonal `bulkInsert`: one call, of which Google answers only that it goes on. What it created is known when
 * its operation is DONE. Until then machines may be listed that vanish again, so that nothing is recorded before.
 */
export function googleLaunching(parts: LaunchingParts): BulkLaunching {
  const { calls, waits, context } = parts;
  return {
    kind: 'bulk',
    maxPerLaunch: MAX_PER_LAUNCH,
    maxTokenAgeMs: MAX_TOKEN_AGE_MS,
    prepare: (spec) => prepareLaunch(spec, calls.project, context),
    async submit(launch) {
      const begun = await bulkInsert(parts, launch);
      const operation = await waits.untilDone(begun, refOf(launch), OPERATION_TIMEOUT_MS);
      const machines = mayHaveCreated(operation) ? await listMachines(parts, launch) : [];
      const created = createdBy(operation) ?? 0;
      if (machines.length < created) throw notListedYet(machines.length, created);
      return { machines, shortfall: await shortfallOf(parts, launch, operation, machines.length) };
    },
    async find(launch) {
      const { requestId } = launch.request as GoogleRequest;
      const [operation] = await listOperations(calls, refOf(launch), `clientOperationId="${requestId}"`);
      const machines = await listMachines(parts, launch);
      if (!operation || !isDone(operation)) return { machines, shortfall: [], isSettled: false };
      const shortfall = await shortfallOf(parts, launch, operation, machines.length);
      return { machines, shortfall, isSettled: machines.length >= (createdBy(operation) ?? launch.count) };
    },
  };
}

async function bulkInsert({ calls, serviceAccount }: LaunchingParts, launch: PreparedLaunch): Promise<Operation> {
  const { requestId, namePrefix, instanceProperties } = launch.request as GoogleRequest;
  const { project, zone } = refOf(launch);
  const names = machineNames(namePrefix, launch.count);
  const resource = {
    count: String(launch.count),
    // As many as there is room for.
    minCount: '1',
    perInstanceProperties: Object.fromEntries(names.map((name) => [name, {}])),
    instanceProperties: {
      ...instanceProperties,
      serviceAccounts: [{ email: await serviceAccount(), scopes: SCOPES }],
    },
  };
  return (await calls.call({
    service: 'instances',
    method: 'bulkInsert',
    callClass: 'create',
    zone,
    request: { project, requestId, bulkInsertInstanceResourceResource: resource },
  })) as Operation;
}

async function listMachines({ calls, context }: LaunchingParts, launch: PreparedLaunch): Promise<LaunchedMachine[]> {
  const ref = refOf(launch);
  const machines: LaunchedMachine[] = [];
  const filter = `${ofLaunch(launch.token)} AND ${ofDeployment(context.deploymentId)}`;
  for await (const instances of listInstances(calls, ref, filter)) {
    machines.push(...instances.map((instance) => launchedMachine(instance, ref)));
  }
  return machines;
}

/** Also where their names are taken: by an earlier attempt, of which Google has forgotten the operation. */
const mayHaveCreated = (operation: Operation): boolean =>
  createdBy(operation) !== 0 || errorsOf(operation).some(isNameTaken);

/** Each machine's own operation says why it was not created; read only where some were not. */
async function shortfallOf(
  { calls }: LaunchingParts,
  launch: PreparedLaunch,
  operation: Operation,
  count: number,
): Promise<readonly ProviderErrorReason[]> {
  if (count >= launch.count) return [];
  const listed = await listOperations(calls, refOf(launch), childOperations(operation));
  const children = listed.filter(({ operationGroupId }) => operationGroupId === operation.operationGroupId);
  const reasons = reasonsOf([...errorsOf(operation), ...children.flatMap(errorsOf)]);
  return reasons.length > 0 || count > 0 ? reasons : [NO_WORDS];
}

const NO_WORDS = { message: 'Google created no machine and does not say why', cloudCode: null };

const notListedYet = (listed: number, created: number): ProviderError =>
  new ProviderError({ code: 'Unavailable', message: `Google created ${created} machines and lists ${listed} of them` });

/** The place that the launch was prepared for. */
const refOf = ({ location }: PreparedLaunch): ZoneRef => ({ project: location.account!, zone: location.group! });
