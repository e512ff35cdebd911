import { createHash } from 'node:crypto';
import { messageOf } from '../../domain/values.js';
import { IdentityError, ProviderError } from '../../providers/errors.js';
import { listLocations } from '../../providers/shared/partial-listing.js';
import { cloudPoolSchema, poolValidator, workerManagerSchema } from '../../providers/shared/pool-schema.js';
import type {
  BulkLaunching,
  PreparedLaunch,
  LaunchedMachine,
  LaunchSpec,
  Machines,
  Provider,
  ProviderContext,
  StepwiseLaunching,
} from '../../providers/provider.js';
import type { CallClass } from '../../providers/rate-limit.js';
import { observationOf, type RecordingCloud, stateOf, taggedOf } from './recording-cloud.js';

const limit = { burst: 1_000, perSecond: 1_000 };
const steps = ['publicIp', 'networkInterface', 'vm'];
const poolSchema = cloudPoolSchema({
  type: 'object',
  required: ['region'],
  properties: { region: { type: 'string' }, workerManager: workerManagerSchema },
});

/** What a bearer shows to be taken for the machine of this id. */
export const recordedProof = (workerId: string): { token: string } => ({ token: `proof of ${workerId}` });

const stepLabels = { publicIp: 'public IP', networkInterface: 'network interface', vm: 'VM' };

/**
 * A provider over a RecordingCloud: `bulk` makes many machines in one call, `stepwise` an address, a network interface
 * and a VM for each.
 */
export function recordingProvider(
  context: ProviderContext,
  cloud: RecordingCloud,
  kind: 'bulk' | 'stepwise',
): Provider {
  let requests = 0;
  const call = async <T>(callClass: CallClass, operation: string, act: () => T): Promise<T> => {
    const described = { providerId: context.providerId, operation, callClass, region: 'here' };
    await context.limiter.acquire(described, limit);
    const report = (result: string, message: string | null = null) =>
      context.onCall(described, {
        ...{ durationMs: 0, waitedMs: 0, result, message, cloudCode: null },
        requestId: `request-${(requests += 1)}`,
      });
    try {
      const result = act();
      report('ok');
      return result;
    } catch (error) {
      report(error instanceof ProviderError ? error.code : 'Unavailable', messageOf(error));
      throw error;
    }
  };
  return {
    providerId: context.providerId,
    providerType: `recording-${kind}`,
    ...(kind === 'stepwise' && { stepLabels }),
    launching: kind === 'bulk' ? bulk(context, cloud, call) : stepwise(context, cloud, call),
    machines: machines(context, cloud, kind, call),
    setup: () => call('read', 'setup', () => cloud.call({ operation: 'setup' }, () => [])),
    validatePool: poolValidator(poolSchema),
    verifyIdentity: async ({ workerId }, { token }) => {
      if (token !== recordedProof(workerId).token) throw new IdentityError('not the worker’s proof');
    },
  };
}

type Call = <T>(callClass: CallClass, operation: string, act: () => T) => Promise<T>;

function prepare(spec: LaunchSpec): PreparedLaunch {
  const region = spec.configuration.region as string;
  const request = { workerPoolId: spec.workerPoolId, launchConfigId: spec.launchConfigId };
  return { token: spec.token, count: spec.count, location: { account: 'account', region, group: null }, request };
}

function machinesOf({ token, count, location }: PreparedLaunch): LaunchedMachine[] {
  const name = createHash('sha256').update(token).digest('hex').slice(0, 12);
  return Array.from({ length: count }, (_, index) => ({
    workerGroup: location.region!,
    workerId: `machine-${name}-${index}`,
    location,
    identityAttributes: { name: `machine-${name}-${index}` },
  }));
}

const poolOf = (launch: PreparedLaunch): string => (launch.request as { workerPoolId: string }).workerPoolId;

const NO_ROOM = {
  code: 'InsufficientCapacity',
  title: 'Insufficient capacity',
  message: 'The cloud had capacity for fewer machines than the launch requested',
  cloudCode: null,
} as const;

function bulk(context: ProviderContext, cloud: RecordingCloud, call: Call): BulkLaunching {
  const ofLaunch = ({ token }: PreparedLaunch) =>
    cloud.all().flatMap(({ machine, launchToken }) => (launchToken === token ? [machine] : []));
  const launch = (prepared: PreparedLaunch): LaunchedMachine[] => {
    const earlier = ofLaunch(prepared);
    if (earlier.length > 0) return earlier;
    const room = Math.min(prepared.count, cloud.capacity - cloud.alive().length);
    if (room < 1) throw new ProviderError({ code: 'InsufficientCapacity', message: 'none left', cloudCode: 'Full' });
    const created = machinesOf(prepared).slice(0, room);
    for (const machine of created) {
      cloud.add({
        machine,
        launchToken: prepared.token,
        workerPoolId: poolOf(prepared),
        deploymentId: context.deploymentId,
        resources: new Map([['machine', 'running']]),
      });
    }
    return created;
  };
  return {
    kind: 'bulk',
    maxPerLaunch: 250,
    maxTokenAgeMs: 6 * 60 * 60_000,
    prepare,
    submit: async (prepared) => {
      const machines = await call('create', 'submit', () =>
        cloud.call({ operation: 'submit', token: prepared.token }, () => launch(prepared)),
      );
      return { machines, shortfall: machines.length < prepared.count ? [NO_ROOM] : [] };
    },
    find: async (prepared) => {
      const machines = await call('read', 'find', () =>
        cloud.call({ operation: 'find', token: prepared.token }, () => ofLaunch(prepared)),
      );
      return { machines, shortfall: [], isSettled: false };
    },
  };
}

function stepwise(context: ProviderContext, cloud: RecordingCloud, call: Call): StepwiseLaunching {
  const begin = (launch: PreparedLaunch, machine: LaunchedMachine, step: string): string | null => {
    const { workerId } = machine;
    if (!cloud.get(workerId)) {
      if (cloud.alive().length >= cloud.capacity) {
        throw new ProviderError({ code: 'InsufficientCapacity', message: 'none left', cloudCode: 'Full' });
      }
      cloud.add({
        machine,
        launchToken: launch.token,
        workerPoolId: poolOf(launch),
        deploymentId: context.deploymentId,
        resources: new Map(),
      });
    }
    const known = cloud.get(workerId)!.resources.get(step);
    if (known === undefined) cloud.finishPending(workerId, step, cloud.readyAtOnce ? 'running' : 'pending');
    return cloud.get(workerId)!.resources.get(step) === 'pending' ? `operation ${workerId} ${step}` : null;
  };
  return {
    kind: 'stepwise',
    maxPerLaunch: 250,
    prepare,
    machines: machinesOf,
    steps: () => steps,
    skippedSteps: () => [],
    submit: (launch, machine, step) =>
      call('create', 'submit', () =>
        cloud.call({ operation: 'submit', token: launch.token, workerId: machine.workerId, step }, () =>
          begin(launch, machine, step),
        ),
      ),
    explain: ({ workerId }, step) =>
      call('read', 'explain', () =>
        cloud.call({ operation: 'explain', workerId, step }, () => ({
          message: cloud.get(workerId)?.reason ?? 'unknown',
          cloudCode: null,
        })),
      ),
  };
}

function machines(context: ProviderContext, cloud: RecordingCloud, kind: 'bulk' | 'stepwise', call: Call): Machines {
  const isStepwise = kind === 'stepwise';
  return {
    removalSteps: isStepwise ? [...steps].reverse() : ['machine'],
    ...(cloud.explanations && {
      explain: ({ workerId }) =>
        call('read', 'explain', () =>
          cloud.call({ operation: 'explain', workerId }, () => cloud.explanations?.get(workerId) ?? null),
        ),
    }),
    observe(locations) {
      const observeRegion = async function* (region: string | null) {
        const ours = await call('read', 'observe', () => cloud.call({ operation: 'observe' }, () => cloud.all()));
        if (region !== null && cloud.refusedRegions.has(region))
          throw new ProviderError({ code: 'PermissionDenied', message: `${region} is refused` });
        yield ours
          .filter(({ deploymentId }) => deploymentId === context.deploymentId)
          .filter(({ machine }) => machine.location.region === region && !cloud.hidden.has(machine.workerId))
          .map((recorded) => observationOf(recorded, isStepwise));
      };
      const places = [...new Set(locations.map(({ region }) => region))].map((region) => ({
        locations: locations.filter((location) => location.region === region),
        pages: observeRegion(region),
      }));
      return listLocations(places);
    },
    async *inventory() {
      const listed = await call('read', 'inventory', () => cloud.call({ operation: 'inventory' }, () => cloud.all()));
      if (cloud.refusedRegions.size > 0) throw new ProviderError({ code: 'PermissionDenied', message: 'refused' });
      yield listed
        .filter(({ deploymentId }) => deploymentId === context.deploymentId)
        .filter(({ machine }) => !cloud.hidden.has(machine.workerId))
        .filter((recorded) => !['gone', 'stopping'].includes(stateOf(recorded)))
        .map((recorded) => taggedOf(recorded, isStepwise));
    },
    get: (machine) =>
      call('read', 'get', () =>
        cloud.call({ operation: 'get', workerId: machine.workerId }, () => {
          const recorded = cloud.get(machine.workerId);
          if (recorded) return observationOf(recorded, isStepwise);
          const { workerGroup, workerId, location } = machine;
          const nothing = { reason: null, launchToken: null, workerPoolId: null, resources: {} };
          return { workerGroup, workerId, location, state: 'gone' as const, ...nothing };
        }),
      ),
    causeOf: (reason) => (reason === 'none left' ? 'capacity' : 'other'),
    deleteResource: ({ workerId }, step) =>
      call('delete', 'remove', () =>
        cloud.call({ operation: 'remove', workerId, step }, () => {
          const recorded = cloud.get(workerId);
          if (recorded && stateOf(recorded) !== 'gone') cloud.finishPending(workerId, step, 'gone');
        }),
      ),
  };
}
