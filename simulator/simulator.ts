import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AuthClients } from './auth/clients.js';
import { Logins } from './auth/logins.js';
import { Arm, emptyArm } from './azure/arm.js';
import { type AzureKeys, makeAzureKeys } from './azure/certificates.js';
import { armLimits } from './azure/limits.js';
import { remainingCapacity } from './azure/capacity.js';
import { ArmStore, type ArmTimes } from './azure/store.js';
import { VirtualMachines } from './azure/virtual-machines.js';
import { Cloud } from './ec2/cloud.js';
import { ec2Limits, RequestLimits } from './ec2/request-limits.js';
import { Faults } from './faults.js';
import { Compute } from './google/compute.js';
import { GoogleKeys } from './google/keys.js';
import { GoogleMachines } from './google/machines.js';
import { RateWindows, usualRates } from './google/rate-windows.js';
import { emptyGoogle, GoogleStore } from './google/store.js';
import { closeConnections } from './http/client.js';
import { RegionKeys } from './identity/region-keys.js';
import { closeIngress } from './ingress/forward.js';
import { Agents } from './machines/agents.js';
import { Fleet } from './machines/fleet.js';
import type { SimulatorOptions } from './options.js';
import { TaskMessages } from './queue/messages.js';
import { Queue } from './queue/queue.js';
import { RequestLog } from './request-log.js';
import { createSimulatorServer, type Contexts } from './server.js';
import { StateFile, type State } from './state-file.js';

export interface RunningSimulator {
  readonly port: number;
  readonly tlsPort: number | null;
  /** Saves the state and closes everything. */
  stop(): void;
}

const empty: State = {
  cloud: { sequence: 0, launches: [], instances: [], capacity: {} },
  azure: emptyArm,
  google: emptyGoogle,
  queue: { pending: [], claimed: [], completed: {} },
  agents: {},
  calls: {},
};
/** Of claims made over HTTP, as the real queue has it. */
const CLAIM_MS = 20 * 60 * 1000;
const CLAIM_WAIT_MS = 20_000;
const HOUSEKEEPING_MS = 1000;

/** Puts the parts together, takes up the saved state, and opens the port. Rejects when the port is taken. */
// oxlint-disable-next-line max-lines-per-function -- wires the simulated services together, once
export async function startSimulator(options: SimulatorOptions): Promise<RunningSimulator> {
  const log = new RequestLog(options.log);
  const faults = new Faults();
  const messages = options.pulse === null ? null : new TaskMessages(options.pulse, log);
  const queue = new Queue((task) => messages?.pending(task));
  const authClients = new AuthClients();
  const logins = new Logins(authClients);
  const limits = new RequestLimits(options.limits === 'ec2' ? ec2Limits : {});
  const cloud = new Cloud({ ...options, pendingMs: options.bootMs / 2 });
  const armStore: ArmStore = new ArmStore(armTimes(options), options.azureResourceGroups, (location, vmSize) =>
    remainingCapacity(armStore, cloud.capacity(), location, vmSize),
  );
  const azureLimits = new RequestLimits(options.azureLimits === 'arm' ? armLimits : {});
  const stateFile = new StateFile(options.stateDir, () => ({
    cloud: cloud.snapshot(),
    azure: armStore.snapshot(),
    google: compute.store.snapshot(),
    queue: queue.snapshot(),
    agents: agents.snapshot(),
    calls: log.counts(),
  }));
  const changed = (): void => stateFile.changed();
  const agents = new Agents({ ...options, agents: options.machines, times: options }, queue, log, changed);
  const fleet = new Fleet(options.bootMs, cloud, agents, log, changed);
  const arm = new Arm(armStore, log, (running, ended) => {
    virtualMachines.follow(running, ended);
    changed();
  });
  const virtualMachines = new VirtualMachines(options.bootMs, arm, agents, log);
  const compute = new Compute(googleStore(options, cloud), log, (booting, ended) => {
    googleMachines.follow(booting, ended);
    changed();
  });
  const googleMachines = new GoogleMachines(options.bootMs, compute, agents, log);
  const windows = new RateWindows(options.googleLimits === 'compute' ? usualRates : {}, options.googleWindowMs);
  const googleKeys = new GoogleKeys(stateFile.loadGoogleKeys(), (stored) => stateFile.saveGoogleKeys(stored));
  const keys = await RegionKeys.open(options.regions, stateFile.loadKeys());
  stateFile.saveKeys(keys.stored(), keys.certificates());
  const azureKeys = azureKeysIn(stateFile);
  // Whoever is to trust them finds them in the state directory from the start.
  if (options.stateDir !== null) azureKeys();

  const restore = (state: State): void => {
    cloud.restore(state.cloud);
    armStore.restore(state.azure);
    compute.store.restore(state.google);
    agents.restore(state.agents);
    queue.restore(state.queue);
    log.restore({ ...state.calls });
  };
  restore({ ...empty, ...stateFile.load() });
  await messages?.start();

  let api = options.api;
  let secret = options.azureClientSecret;
  const contexts: Contexts = {
    ec2: {
      cloud,
      regions: options.regions,
      limits,
      faults,
      log,
      latencyMs: options.latencyMs,
      onChange: ({ created, terminated }) => {
        if (created || terminated) fleet.follow(created, terminated);
      },
    },
    arm: {
      arm,
      limits: azureLimits,
      faults,
      log,
      latencyMs: options.latencyMs,
      pageSize: options.azurePageSize,
      retryAfterSeconds: options.azureRetryAfterSeconds,
      changed,
    },
    login: { secret: () => secret, log },
    compute: { compute, windows, keys: googleKeys, faults, log, latencyMs: options.latencyMs, changed },
    googleIdentity: {
      keys: googleKeys,
      projects: options.googleProjects,
      certsMaxAgeSeconds: options.googleCertsMaxAgeSeconds,
      faults,
      log,
      latencyMs: options.latencyMs,
    },
    auth: { clients: authClients, faults, log },
    loginPages: { logins, log },
    notify: { clients: authClients, faults, log },
    queue: { queue, faults, log, claimMs: CLAIM_MS, claimWaitMs: CLAIM_WAIT_MS },
    ingress: { api: () => api, faults, log },
    control: {
      cloud,
      auth: { clients: authClients, logins },
      queue,
      fleet,
      agents,
      virtualMachines,
      google: { compute, windows, keys: googleKeys },
      googleMachines,
      azure: { arm, limits: azureLimits, keys: azureKeys, setSecret: (text) => (secret = text) },
      faults,
      limits,
      keys,
      log,
      changed,
      setApi: (url) => (api = url),
      reset: () => {
        faults.clear();
        agents.stop();
        arm.stop();
        compute.stop();
        restore(empty);
        authClients.clear();
        logins.clear();
        compute.store.ghosts = options.googleGhosts === 'on';
        secret = options.azureClientSecret;
        changed();
      },
    },
  };
  const server = createSimulatorServer(contexts);
  const port = await listen(server, options.port);
  const tlsServer = options.tlsPort === null ? null : createSimulatorServer(contexts, azureKeys().tls);
  const tlsPort = tlsServer && (await listen(tlsServer, options.tlsPort ?? 0));

  fleet.start(`http://127.0.0.1:${port}`);
  virtualMachines.start(`http://127.0.0.1:${port}`);
  googleMachines.start(`http://127.0.0.1:${port}`);
  const housekeeping = setInterval(() => {
    const nowMs = Date.now();
    cloud.purge(nowMs);
    armStore.purge(nowMs);
    compute.store.purge(nowMs);
    queue.releaseExpired(nowMs);
  }, HOUSEKEEPING_MS);

  return {
    port,
    tlsPort,
    stop: () => {
      clearInterval(housekeeping);
      messages?.stop();
      stateFile.save();
      arm.stop();
      compute.stop();
      agents.stop();
      for (const one of [server, tlsServer]) {
        one?.close();
        one?.closeAllConnections();
      }
      closeConnections();
      closeIngress();
      log.close();
    },
  };
}

/** Made when first needed: most simulators never need any. */
function azureKeysIn(stateFile: StateFile): () => AzureKeys {
  let keys: AzureKeys | null = null;
  return () => {
    if (keys) return keys;
    keys = stateFile.loadAzureKeys() ?? makeAzureKeys();
    stateFile.saveAzureKeys(keys);
    return keys;
  };
}

async function listen(server: Server, port: number): Promise<number> {
  const opened = Promise.withResolvers<void>();
  server.once('error', opened.reject);
  server.listen(port, '127.0.0.1', opened.resolve);
  await opened.promise;
  return (server.address() as AddressInfo).port;
}

/** Google's room is what a control has set for a zone, as for EC2's regions. */
const googleStore = (options: SimulatorOptions, cloud: Cloud): GoogleStore =>
  new GoogleStore(
    {
      projects: options.googleProjects,
      zones: options.googleZones,
      ghosts: options.googleGhosts === 'on',
      times: {
        insertMs: options.googleInsertMs,
        deleteMs: options.googleDeleteMs,
        stopMs: options.googleStopMs,
        runningMs: options.bootMs / 2,
        listDelayMs: options.googleListDelayMs,
        operationKeptMs: options.googleOperationKeptMs,
      },
    },
    () => cloud.capacity(),
  );

const armTimes = (options: SimulatorOptions): ArmTimes => ({
  vmCreateMs: options.azureVmCreateMs,
  vmDeleteMs: options.azureVmDeleteMs,
  networkCreateMs: options.azureNetworkCreateMs,
  networkDeleteMs: options.azureNetworkDeleteMs,
  diskDeleteMs: options.azureDiskDeleteMs,
  deploymentMs: options.azureDeploymentMs,
});
