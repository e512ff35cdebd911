import { ignoreNotFound, ProviderError } from '../errors.js';
import type {
  BulkLaunching,
  PreparedLaunch,
  LaunchedMachine,
  LaunchedMachines,
  ProviderContext,
  ProviderErrorReason,
} from '../provider.js';
import type { ComputeCalls } from './calls.js';
import { getInstance, launchedMachine, listInstances } from './instances.js';
import type { ZoneRef } from './lists.js';
import { type GoogleRequest, prepareLaunch } from './launch-request.js';
import { machineNames, MAX_PER_LAUNCH } from './names.js';
import { isNameTaken, reasonsOf } from './operation-errors.js';
import {
  createdBy,
  errorsOf,
  isDone,
  listOperations,
  notEndedYet,
  type Operation,
  operationsSince,
  type OperationWaits,
} from './operations.js';
import { ofDeployment, ofLaunch } from './tags.js';

/** Google knows a request id as long as its operation, which it keeps for an hour. */
const MAX_TOKEN_AGE_MS = 45 * 60_000;
/** An attempt has 40 s, and reads after the operation has ended. */
const OPERATION_TIMEOUT_MS = 30_000;
/** Machines of one launch that ended before they were listed, or are listed late: rare, and read by id. */
const MAX_READS = 20;
const SCOPES = ['https://www.googleapis.com/auth/cloud-platform'];

export interface LaunchingParts {
  readonly calls: ComputeCalls;
  readonly waits: OperationWaits;
  readonly context: ProviderContext;
  /** Address of the account that machines run as. */
  readonly serviceAccount: () => Promise<string>;
}

/**
 * Launches by the zonal `bulkInsert`: one call, of which Google answers only that it goes on. What it created is known
 * when its operation is DONE. Until then machines may be listed that vanish again, so that nothing is recorded before.
 */
export function googleLaunching(parts: LaunchingParts): BulkLaunching {
  const { calls, context } = parts;
  return {
    kind: 'bulk',
    maxPerLaunch: MAX_PER_LAUNCH,
    maxTokenAgeMs: MAX_TOKEN_AGE_MS,
    prepare: (spec) => prepareLaunch(spec, calls.project, context),
    async submit(launch) {
      const begun = await bulkInsert(parts, launch);
      return await outcomeOf(parts, launch, begun).catch(inDoubt);
    },
    async find(launch) {
      const { requestId } = launch.request as GoogleRequest;
      const [operation] = await listOperations(calls, refOf(launch), `clientOperationId="${requestId}"`);
      if (!operation) return { machines: await listMachines(parts, launch), shortfall: [], isSettled: false };
      // What is listed may vanish, and what is not may come.
      // guard(a-running-operation-says-nothing-yet): false
      if (!isDone(operation)) throw notEndedYet(operation);
      const { machines, isComplete } = await createdMachines(parts, launch, operation);
      const shortfall = await shortfallOf(parts, launch, operation, machines.length);
      return { machines, shortfall, isSettled: isComplete };
    },
  };
}

async function outcomeOf(parts: LaunchingParts, launch: PreparedLaunch, begun: Operation): Promise<LaunchedMachines> {
  const operation = await parts.waits.untilDone(begun, refOf(launch), OPERATION_TIMEOUT_MS);
  const { machines, isComplete } = mayHaveCreated(operation)
    ? await createdMachines(parts, launch, operation)
    : NOTHING;
  // guard(a-machine-that-is-not-listed-is-not-forgotten): false
  if (!isComplete) throw notListedYet(machines.length);
  return { machines, shortfall: await shortfallOf(parts, launch, operation, machines.length) };
}

/**
 * Whatever keeps us from reading what an accepted launch comes to, a refusal too: it goes on, so that nothing is known.
 */
function inDoubt(error: unknown): never {
  // guard(an-accepted-launch-is-not-refused): true
  if (!(error instanceof ProviderError) || error.code === 'Unavailable') throw error;
  const { message, retryAfterMs } = error;
  throw new ProviderError({ code: 'Unavailable', message, retryAfterMs: retryAfterMs ?? undefined, cause: error });
}

/** What is read before the insertion leaves nothing in doubt where it gives no answer. */
function unsent(error: unknown): never {
  if (!(error instanceof ProviderError) || error.code !== 'Unavailable') throw error;
  throw new ProviderError({ code: 'GivenUp', message: error.message, cause: error });
}

async function bulkInsert({ calls, serviceAccount }: LaunchingParts, launch: PreparedLaunch): Promise<Operation> {
  const { requestId, namePrefix, instanceProperties } = launch.request as GoogleRequest;
  const { project, zone } = refOf(launch);
  const names = machineNames(namePrefix, launch.count);
  const email = await serviceAccount().catch(unsent);
  const resource = {
    count: String(launch.count),
    // As many as there is room for.
    minCount: '1',
    perInstanceProperties: Object.fromEntries(names.map((name) => [name, {}])),
    instanceProperties: {
      ...instanceProperties,
      serviceAccounts: [{ email, scopes: SCOPES }],
    },
  };
  const begun = (await calls.call({
    service: 'instances',
    method: 'bulkInsert',
    callClass: 'create',
    zone,
    request: { project, requestId, bulkInsertInstanceResourceResource: resource },
  })) as Operation;
  if (begun.name) return begun;
  throw new ProviderError({ code: 'Unavailable', message: 'bulkInsert was answered without an operation' });
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

interface CreatedMachines {
  readonly machines: readonly LaunchedMachine[];
  /** Whether these are all that the operation has created. */
  readonly isComplete: boolean;
}
const NOTHING: CreatedMachines = { machines: [], isComplete: true };

/**
 * What an operation that is DONE has created, machines that have ended since included: the others do not wait for them,
 * and a scan finds out why they ended.
 */
async function createdMachines(
  parts: LaunchingParts,
  launch: PreparedLaunch,
  operation: Operation,
): Promise<CreatedMachines> {
  const listed = await listMachines(parts, launch);
  const created = createdBy(operation);
  if (created !== null && listed.length >= created) return { machines: listed, isComplete: true };
  const children = await childrenOf(parts, launch, operation);
  const ids = children.flatMap((child) => (errorsOf(child).length === 0 ? (child.targetId ?? []) : []));
  const known = new Set(listed.map(({ workerId }) => workerId));
  const unlisted = ids.filter((id) => !known.has(id));
  if (unlisted.length > MAX_READS) return { machines: listed, isComplete: false };
  const read = await Promise.all(unlisted.map((id) => readMachine(parts, launch, id)));
  const machines = [...listed, ...read];
  return { machines, isComplete: machines.length >= (created ?? ids.length) };
}

/** One that there is no more has no attributes: nobody can register as it. */
async function readMachine({ calls }: LaunchingParts, launch: PreparedLaunch, id: string): Promise<LaunchedMachine> {
  const ref = refOf(launch);
  const instance = await ignoreNotFound(getInstance(calls, ref, id));
  return launchedMachine(instance ?? { id, name: null }, ref);
}

/** Also where their names are taken: by an earlier attempt, of which Google has forgotten the operation. */
const mayHaveCreated = (operation: Operation): boolean =>
  createdBy(operation) !== 0 || errorsOf(operation).some(isNameTaken);

/** Each machine's own operation says why it was not created; read only where some were not. */
async function shortfallOf(
  parts: LaunchingParts,
  launch: PreparedLaunch,
  operation: Operation,
  count: number,
): Promise<readonly ProviderErrorReason[]> {
  if (count >= launch.count) return [];
  const children = await childrenOf(parts, launch, operation);
  const reasons = reasonsOf([...errorsOf(operation), ...children.flatMap(errorsOf)]);
  return reasons.length > 0 || count > 0 ? reasons : [NO_WORDS];
}

/** The operations of single machines. */
async function childrenOf(
  { calls }: LaunchingParts,
  launch: PreparedLaunch,
  operation: Operation,
): Promise<Operation[]> {
  const listed = await listOperations(calls, refOf(launch), operationsSince('insert', operation.insertTime ?? ''));
  return listed.filter(({ operationGroupId }) => operationGroupId === operation.operationGroupId);
}

const NO_WORDS = { message: 'Google created no machine and does not say why', cloudCode: null };

const notListedYet = (listed: number): ProviderError =>
  new ProviderError({ code: 'Unavailable', message: `Google created more machines than the ${listed} that it lists` });

/** The place that the launch was prepared for. */
const refOf = ({ location }: PreparedLaunch): ZoneRef => ({ project: location.account!, zone: location.group! });
