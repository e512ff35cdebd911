import { type Reservation, RunInstancesCommand } from '@aws-sdk/client-ec2';
import type { Worker } from '../../domain/worker.js';
import { Batcher } from '../shared/batcher.js';
import { IdentityError } from '../errors.js';
import { gone } from '../shared/gone.js';
import { listLocations } from '../shared/partial-listing.js';
import { poolValidator } from '../shared/pool-schema.js';
import type {
  BulkLaunching,
  PreparedLaunch,
  LaunchedMachine,
  MachineRef,
  Machines,
  Observation,
  Provider,
  ProviderContext,
} from '../provider.js';
import { assertOurAccount } from './account.js';
import { Ec2Calls } from './calls.js';
import { readIdentityKeys } from './certificates.js';
import { checkDefinition } from './check-definition.js';
import type { AwsProviderConfig } from './config.js';
import { describe, describeOne, emptyAnswer, regionsOf, tagFilter } from './describe.js';
import { assertDocumentIsOf, type InstanceAttributes, lacksAttributes, readSignedDocument } from './identity.js';
import { attributesOf, causeOf, launchedMachines, observations, REMOVAL_STEP } from './instances.js';
import { inventoryOf } from './inventory.js';
import { prepareLaunch, parseRequest } from './launch-request.js';
import { DEPLOYMENT_TAG, LAUNCH_TAG } from '../shared/tags.js';
import { awsPoolSchema } from './pool-schema.js';
import { checkRegions } from './regions.js';
import { MAX_TERMINATE_IDS, terminateInstances } from './delete-instances.js';

/** Machines in one RunInstances: a refusal costs no more than this, and the answer stays under a megabyte. */
const MAX_PER_LAUNCH = 250;
/** EC2 keeps tokens for a day ("Ensuring idempotency in Amazon EC2 API requests"). */
const MAX_TOKEN_AGE_MS = 6 * 60 * 60_000;

/** Amazon EC2. Throws ProviderConfigError when it cannot be built from this configuration. */
export function awsProvider(config: AwsProviderConfig, context: ProviderContext): Provider {
  const calls = new Ec2Calls(config, context);
  const keys = readIdentityKeys(config.identityCertificates);
  const validate = poolValidator(awsPoolSchema);
  return {
    providerId: context.providerId,
    providerType: 'aws',
    launching: launching(calls, context),
    machines: machines(calls, config.regions, context),
    setup: () => checkRegions(calls, config.regions),
    validatePool: (submitted, pool) =>
      checkDefinition(validate(submitted), pool, { context, regions: config.regions, keys }),
    verifyIdentity: async (worker, proof, nowMs) => {
      const document = readSignedDocument(proof, worker.location.region, keys);
      const identityAttributes = lacksAttributes(worker.identityAttributes)
        ? await readAttributes(calls, worker)
        : worker.identityAttributes;
      assertDocumentIsOf(worker, identityAttributes, document, nowMs);
    },
  };
}

function launching(calls: Ec2Calls, context: ProviderContext): BulkLaunching {
  return {
    kind: 'bulk',
    maxPerLaunch: MAX_PER_LAUNCH,
    maxTokenAgeMs: MAX_TOKEN_AGE_MS,
    prepare: (spec) => prepareLaunch(spec, context),
    async submit({ count, location: { region }, request }) {
      const command = new RunInstancesCommand(parseRequest(request));
      const reservation = await calls.call(region, 'create', 'RunInstances', (client) => client.send(command));
      const created = launchedMachines(reservation, region!);
      if (created.length === 0) throw emptyAnswer('RunInstances');
      return { machines: created, shortfall: created.length < count ? [NO_ROOM] : [] };
    },
    // What a list does not show may still come: EC2 does not tell of its end.
    find: async (launch) => ({
      machines: await findMachines(calls, context, launch),
      shortfall: [],
      isSettled: false,
    }),
  };
}

/** EC2 creates fewer than requested only for want of capacity, and has no further words. */
const NO_ROOM = {
  code: 'InsufficientCapacity',
  title: 'Insufficient capacity',
  message: 'The cloud had capacity for fewer machines than the launch requested',
  cloudCode: null,
} as const;

/**
 * By tag and not by `client-token`, because emulators do not know that filter and EC2 answers both alike. Tags can be
 * copied by anybody (an operator who launches "more like this"), the ClientToken cannot: a machine with another one is
 * not ours, nor is one with the empty one that EC2 shows when the request had none. Only emulators say nothing of it.
 */
async function findMachines(
  calls: Ec2Calls,
  context: ProviderContext,
  launch: PreparedLaunch,
): Promise<LaunchedMachine[]> {
  const region = launch.location.region!;
  const found: LaunchedMachine[] = [];
  const filter = { [DEPLOYMENT_TAG]: context.deploymentId, [LAUNCH_TAG]: launch.token };
  for await (const reservations of describe(calls, region, tagFilter(filter))) {
    found.push(...reservations.flatMap((reservation) => launchedMachines(ofToken(reservation, launch.token), region)));
  }
  return found;
}

const ofToken = (reservation: Reservation, token: string): Reservation => ({
  ...reservation,
  Instances: (reservation.Instances ?? []).filter(({ ClientToken }) => (ClientToken ?? token) === token),
});

function machines(calls: Ec2Calls, regions: readonly string[] | null, context: ProviderContext): Machines {
  const deletions = new Batcher((region, ids) => terminateInstances(calls, region, ids), {
    idleMs: 100,
    maxWaitMs: 1_000,
    pauseMs: 1_000,
    maxPauseMs: 5_000,
    maxItems: MAX_TERMINATE_IDS,
  });
  async function* observeRegion(region: string): AsyncGenerator<Observation[]> {
    const ours = tagFilter({ [DEPLOYMENT_TAG]: context.deploymentId });
    for await (const reservations of describe(calls, region, ours)) {
      yield reservations.flatMap((reservation) => observations(reservation, region, context.deploymentId));
    }
  }
  return {
    removalSteps: [REMOVAL_STEP],
    observe: (locations) =>
      listLocations(
        regionsOf(locations).map((region) => ({
          locations: locations.filter((location) => location.region === region),
          pages: observeRegion(region),
        })),
      ),
    inventory: inventoryOf(calls, regions, context),
    async get(machine) {
      const region = regionOf(machine);
      const reservations = await describeOne(calls, region, machine.workerId);
      if (reservations === null) {
        await assertOurAccount(calls, region, machine);
        return gone(machine);
      }
      const [seen] = reservations.flatMap((reservation) => observations(reservation, region, context.deploymentId));
      if (!seen) throw emptyAnswer('DescribeInstances');
      return seen;
    },
    deleteResource: (machine) => deletions.add(regionOf(machine), machine.workerId),
    causeOf,
  };
}

async function readAttributes(calls: Ec2Calls, worker: Worker): Promise<InstanceAttributes> {
  const region = regionOf(worker);
  for (const reservation of (await describeOne(calls, region, worker.workerId)) ?? []) {
    for (const instance of reservation.Instances ?? []) return attributesOf(reservation, instance, region);
  }
  throw new IdentityError('EC2 knows no such machine');
}

/** Where the row says that the machine is; the worker group is the region too. */
const regionOf = ({ location, workerGroup }: MachineRef | Worker): string => location.region ?? workerGroup;
