import { ignoreNotFound, ProviderError } from '../../errors.js';
import type { PreparedLaunch, LaunchedMachine, ProviderContext, ProviderErrorReason } from '../../provider.js';
import { adminCredentials } from './admin.js';
import type { AzureCalls, AzureClients } from '../arm/client.js';
import { type Mode, withDefaultTitle } from './launching.js';
import { namesOf } from '../model/names.js';
import { isDeletedWhenEvicted } from '../model/spot.js';
import { explainOperation } from '../arm/operations.js';
import { shown } from '../arm/pages.js';
import {
  networkInterfaceResource,
  publicIpResource,
  type Resource,
  statusesOf,
  vmResource,
} from '../model/resources.js';
import {
  prepareSequential,
  networkInterfaceBody,
  publicIpBody,
  type SequentialRequest,
  type Subject,
  virtualMachineBody,
} from './sequential-request.js';

const steps = ['publicIp', 'networkInterface', 'vm'] as const;
type Step = (typeof steps)[number];

/** What stands for an operation that began without our having its address: its resource tells. */
const UNNAMED_OPERATION = 'begun before';

const titles: Readonly<Record<Step, string>> = {
  publicIp: 'IP Creation Error',
  networkInterface: 'NIC Creation Error',
  vm: 'VM Creation Error',
};

/** Public IP address (only where the definition has one) → network interface → VM. */
export function sequentialMode(
  calls: AzureCalls,
  place: { readonly account: string; readonly group: string },
  context: ProviderContext,
): Mode {
  return {
    mode: 'sequential',
    stepNames: steps,
    takes: ({ configuration }) => configuration.armDeployment === undefined,
    prepare: (spec) => prepareSequential(spec, place, context),
    steps: (launch) => steps.filter((step) => step !== 'publicIp' || requestOf(launch).publicIp),
    skippedSteps: (launch) => (requestOf(launch).publicIp ? [] : ['publicIp']),
    deletesEvicted: (launch) => isDeletedWhenEvicted(requestOf(launch).vm),
    async submit(launch, machine, name) {
      const step = stepOf(name);
      const subject = { request: requestOf(launch), ...machine };
      try {
        const found = await find(calls, machine, step);
        if (found === null) return await create(calls, subject, step, context);
        // A failed one is not tried again: the listing shows it, and the machine is given up.
        return found.state === 'running' ? null : UNNAMED_OPERATION;
      } catch (error) {
        throw error instanceof ProviderError ? withDefaultTitle(error, titles[step]) : error;
      }
    },
    async explain(machine, name, operation) {
      const reported =
        operation === UNNAMED_OPERATION ? null : await explainOperation(calls, machine.location.account, operation);
      return reported ?? explainResource(await find(calls, machine, stepOf(name)));
    },
  };
}

const requestOf = ({ request }: PreparedLaunch): SequentialRequest => request as SequentialRequest;

function stepOf(name: string): Step {
  const step = steps.find((each) => each === name);
  if (step) return step;
  throw new ProviderError({ code: 'InvalidRequest', message: `There is no step ${name} in sequential mode` });
}

/** Null when there is none of this name. */
async function find(calls: AzureCalls, { workerId, location }: LaunchedMachine, step: Step): Promise<Resource | null> {
  const names = namesOf(workerId);
  const group = location.group ?? '';
  const read: Readonly<Record<Step, (clients: AzureClients) => Promise<Resource>>> = {
    publicIp: async ({ network }) =>
      publicIpResource(shown(await network.publicIPAddresses.get(group, names.publicIp))),
    networkInterface: async ({ network }) =>
      networkInterfaceResource(shown(await network.networkInterfaces.get(group, names.networkInterface))),
    vm: async ({ compute }) => {
      const vm = shown(await compute.virtualMachines.get(group, names.vm, { expand: 'instanceView' }));
      return vmResource(vm, statusesOf(vm));
    },
  };
  return await ignoreNotFound(calls.call(location.account, 'read', `GET ${types[step]}`, read[step]));
}

/** One PUT, and no wait for what it begins. */
async function create(
  calls: AzureCalls,
  subject: Subject,
  step: Step,
  context: ProviderContext,
): Promise<string | null> {
  const names = namesOf(subject.workerId);
  const { account, group } = subject.location;
  let isReady = false;
  const begin: Readonly<Record<Step, (clients: AzureClients) => Begun>> = {
    publicIp: ({ network }) =>
      network.publicIPAddresses.createOrUpdate(group ?? '', names.publicIp, publicIpBody(subject)),
    networkInterface: ({ network }) =>
      network.networkInterfaces.createOrUpdate(group ?? '', names.networkInterface, networkInterfaceBody(subject)),
    vm: ({ compute }) => {
      const body = virtualMachineBody(subject, adminCredentials(context, subject.workerId));
      return compute.virtualMachines.createOrUpdate(group ?? '', names.vm, body);
    },
  };
  const operation = await calls.begin(account, 'create', `PUT ${types[step]}`, async (clients) => {
    const begun = begin[step](clients);
    await begun.submitted();
    isReady = begun.isDone;
  });
  return isReady ? null : (operation ?? UNNAMED_OPERATION);
}

/** What we use of the SDKs' pollers; whoever awaited one would wait for the operation. */
interface Begun {
  submitted(): Promise<void>;
  readonly isDone: boolean;
}

const types: Readonly<Record<Step, string>> = {
  publicIp: 'publicIPAddresses',
  networkInterface: 'networkInterfaces',
  vm: 'virtualMachines',
};

function explainResource(resource: Resource | null): ProviderErrorReason {
  if (resource === null) return { message: 'there is no such resource any more', cloudCode: null };
  const [, code, message] = /^(\w+): (.*)$/s.exec(resource.reason ?? '') ?? [];
  return { message: message ?? resource.reason ?? 'Azure gives no reason', cloudCode: code ?? null };
}
