import type { AddressInfo } from 'node:net';
import { Cloud } from './ec2/cloud.js';
import { ec2Limits, RequestLimits } from './ec2/request-limits.js';
import { Faults } from './faults.js';
import { closeConnections } from './http/client.js';
import { RegionKeys } from './identity/region-keys.js';
import { closeIngress } from './ingress/forward.js';
import { Fleet } from './machines/fleet.js';
import type { SimulatorOptions } from './options.js';
import { Queue } from './queue/queue.js';
import { RequestLog } from './request-log.js';
import { createSimulatorServer } from './server.js';
import { StateFile, type State } from './state-file.js';

export interface RunningSimulator {
  readonly port: number;
  /** Saves the state and closes everything. */
  stop(): void;
}

const empty: State = {
  cloud: { sequence: 0, launches: [], instances: [], capacity: {} },
  queue: { pending: [], claimed: [], completed: {} },
  agents: {},
  calls: {},
};
/** Of claims made over HTTP, as the real queue has it. */
const CLAIM_MS = 20 * 60 * 1000;
const CLAIM_WAIT_MS = 20_000;
const HOUSEKEEPING_MS = 1000;

/** Puts the parts together, takes up the saved state, and opens the port. Rejects when the port is taken. */
export async function startSimulator(options: SimulatorOptions): Promise<RunningSimulator> {
  const log = new RequestLog(options.log);
  const faults = new Faults();
  const queue = new Queue();
  const limits = new RequestLimits(options.limits === 'ec2' ? ec2Limits : {});
  const cloud = new Cloud({ ...options, pendingMs: options.bootMs / 2 });
  const fleetOptions = { ...options, agents: options.machines, times: options };
  const stateFile = new StateFile(options.stateDir, () => ({
    cloud: cloud.snapshot(),
    queue: queue.snapshot(),
    agents: fleet.snapshot(),
    calls: log.counts(),
  }));
  const changed = (): void => stateFile.changed();
  const fleet = new Fleet(fleetOptions, cloud, queue, log, changed);
  const keys = await RegionKeys.open(options.regions, stateFile.loadKeys());
  stateFile.saveKeys(keys.stored(), keys.certificates());

  const restore = (state: State): void => {
    cloud.restore(state.cloud);
    queue.restore(state.queue);
    log.restore({ ...state.calls });
  };
  const state = stateFile.load() ?? empty;
  restore(state);

  let api = options.api;
  const server = createSimulatorServer({
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
    queue: { queue, faults, log, claimMs: CLAIM_MS, claimWaitMs: CLAIM_WAIT_MS },
    ingress: { api: () => api, faults, log },
    control: {
      cloud,
      queue,
      fleet,
      faults,
      limits,
      keys,
      log,
      changed,
      setApi: (url) => (api = url),
      reset: () => {
        faults.clear();
        fleet.stop();
        restore(empty);
        changed();
      },
    },
  });
  const opened = Promise.withResolvers<void>();
  server.once('error', opened.reject);
  server.listen(options.port, '127.0.0.1', opened.resolve);
  await opened.promise;
  const { port } = server.address() as AddressInfo;

  fleet.start(`http://127.0.0.1:${port}`, state.agents);
  const housekeeping = setInterval(() => {
    const nowMs = Date.now();
    cloud.purge(nowMs);
    queue.releaseExpired(nowMs);
  }, HOUSEKEEPING_MS);

  return {
    port,
    stop: () => {
      clearInterval(housekeeping);
      stateFile.save();
      fleet.stop();
      server.close();
      server.closeAllConnections();
      closeConnections();
      closeIngress();
      log.close();
    },
  };
}
