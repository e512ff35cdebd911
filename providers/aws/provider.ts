import {
  DescribeInstancesCommand,
  type DescribeInstancesCommandInput,
  DescribeRegionsCommand,
  type Reservation,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import type { MachineLocation, Worker } from '../../domain/worker.js';
import { Batcher } from '../shared/batcher.js';
import { IdentityError, ignoreNotFound, ProviderError } from '../errors.js';
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
import { assertDocumentIsOf, type InstanceAttributes, lacksAttributes, readSignedDocument } from './identity.js';
import { attributesOf, causeOf, launchedMachines, observations } from './instances.js';
import { prepareLaunch, parseRequest } from './launch-request.js';
import { DEPLOYMENT_TAG, LAUNCH_TAG } from '../shared/tags.js';
import { awsPoolSchema } from './pool-schema.js';
import { MAX_TERMINATE_IDS, terminateInstances } from './delete-instances.js';

/** Machines in one RunInstances: a refusal costs no more than this, and the answer stays under a megabyte. */
const MAX_PER_LAUNCH = 250;
/** DescribeInstances gives at most this many in a page. */
const PAGE_SIZE = 1_000;
/** EC2 keeps tokens for a day ("Ensuring idempotency in Amazon EC2 API requests"). */
const MAX_TOKEN_AGE_MS = 6 * 60 * 60_000;
/** Where the account is asked which regions it has, when the configuration names none. */
const HOME_REGION = 'us-east-1';
const REMOVAL_STEP = 'instance';

/** Amazon EC2. Throws ProviderConfigError when it cannot be built from this configuration. */
export function awsProvider(config: AwsProviderConfig, context: ProviderContext): Provider {
  const calls = new Ec2Calls(config, context);
  const keys = readIdentityKeys(config.identityCertificates);
  const validate = poolValidator(awsPoolSchema);
  return {
    providerId: context.providerId,
    providerType: 'aws',
    launching: launching(calls, context),
    machines: machines(calls, context),
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

/** The SDK reads a success without a body as an answer without members; it says nothing of what EC2 did or has. */
const emptyAnswer = (operation: string) =>
  new ProviderError({ code: 'Unavailable', message: `${operation} was answered without a word about any instance` });

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

function machines(calls: Ec2Calls, context: ProviderContext): Machines {
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

async function* describe(calls: Ec2Calls, region: string, input: DescribeInstancesCommandInput) {
  let token: string | undefined;
  do {
    const command = new DescribeInstancesCommand({ ...input, MaxResults: PAGE_SIZE, NextToken: token });
    const page = await calls.call(region, 'read', 'DescribeInstances', (client) => client.send(command));
    // EC2 shows an empty set where there are none; an answer without any set is not EC2's, and proves no absence.
    if (!page.Reservations) throw emptyAnswer('DescribeInstances');
    yield page.Reservations;
    token = page.NextToken || undefined;
  } while (token);
}

/** Null when EC2 says that there is no such instance: only those words prove it. */
async function describeOne(calls: Ec2Calls, region: string, instanceId: string) {
  const command = new DescribeInstancesCommand({ InstanceIds: [instanceId] });
  const answer = await ignoreNotFound(
    calls.call(region, 'read', 'DescribeInstances', (client) => client.send(command)),
  );
  return answer === null ? null : (answer.Reservations ?? []);
}

async function readAttributes(calls: Ec2Calls, worker: Worker): Promise<InstanceAttributes> {
  const region = regionOf(worker);
  for (const reservation of (await describeOne(calls, region, worker.workerId)) ?? []) {
    for (const instance of reservation.Instances ?? []) return attributesOf(reservation, instance, region);
  }
  throw new IdentityError('EC2 knows no such machine');
}

/** What is wrong with some of the regions, in words. Throws when none answers, or the account has none of them. */
async function checkRegions(calls: Ec2Calls, wanted: readonly string[] | null): Promise<readonly string[]> {
  const { enabled, remarks } = await enabledRegions(calls, wanted ?? [HOME_REGION]);
  const missing = wanted?.filter((region) => !enabled.has(region)) ?? [];
  if (missing.length === 0) return remarks;
  const message = `the account has no region ${missing.join(', ')}`;
  if (missing.length === wanted?.length) throw new ProviderError({ code: 'InvalidRequest', message });
  return [...remarks, message];
}

/** Any region can tell which ones the account has: they are asked in turn until one answers. */
async function enabledRegions(calls: Ec2Calls, regions: readonly string[]) {
  const remarks: string[] = [];
  for (const [index, region] of regions.entries()) {
    try {
      const answer = await calls.call(region, 'read', 'DescribeRegions', (client) =>
        client.send(new DescribeRegionsCommand({})),
      );
      return { enabled: new Set(answer.Regions?.map(({ RegionName }) => RegionName)), remarks };
    } catch (error) {
      if (!(error instanceof ProviderError) || index === regions.length - 1) throw error;
      remarks.push(`${region} gave no answer (${error.message})`);
    }
  }
  return { enabled: new Set<string | undefined>(), remarks };
}

const tagFilter = (tags: Record<string, string>): DescribeInstancesCommandInput => ({
  Filters: Object.entries(tags).map(([key, value]) => ({ Name: `tag:${key}`, Values: [value] })),
});

const regionsOf = (locations: readonly MachineLocation[]): string[] => [
  ...new Set(locations.flatMap(({ region }) => (region === null ? [] : [region]))),
];

/** Where the row says that the machine is; the worker group is the region too. */
const regionOf = ({ location, workerGroup }: MachineRef | Worker): string => location.region ?? workerGroup;
