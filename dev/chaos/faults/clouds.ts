import { SimulatedGoogle } from '../../testing/simulated-google.js';
import type { FaultRequest } from '../../testing/simulator.js';
import type { Draw } from '../draw.js';
import { pause, type Scene } from '../scene.js';
import type { FaultKind } from './kind.js';

/** What clouds do to their callers and to machines. */

const calls = {
  aws: ['RunInstances', 'TerminateInstances', 'DescribeInstances'],
  azure: [
    ...['PUT virtualMachines', 'PUT networkInterfaces', 'PUT publicIPAddresses', 'PUT deployments'],
    ...['DELETE virtualMachines', 'DELETE networkInterfaces', 'DELETE disks', 'LIST virtualMachines'],
  ],
  google: ['instances.bulkInsert', 'instances.delete', 'instances.list', 'zoneOperations.get'],
  machines: ['registerWorker', 'reregisterWorker', 'shouldWorkerTerminate'],
} as const;
type Cloud = 'aws' | 'azure' | 'google';

/** Clouds that the run has pools in. */
const cloudsOf = ({ pools }: Scene): readonly Cloud[] => [
  ...new Set(pools.live.flatMap(({ provider }) => (provider === 'hand' ? [] : [provider]))),
];

/** How each says that something is lacking or too much; of `launch`: what a launch is called. */
const refusals = {
  throttled: {
    aws: { code: 'RequestLimitExceeded', status: 503 },
    azure: { code: 'TooManyRequests', status: 429, retryAfterSeconds: 1 },
    google: { code: 'rateLimitExceeded', status: 403 },
  },
  quota: {
    aws: { code: 'VcpuLimitExceeded', status: 400 },
    azure: { code: 'QuotaExceeded', status: 409 },
    google: { code: 'quotaExceeded', status: 403 },
  },
} as const;
const launch = { aws: 'RunInstances', azure: 'PUT virtualMachines', google: 'instances.bulkInsert' } as const;

let faults = 0;
/** Counted when it has struck, which the simulator knows: see `struck`. */
async function add({ deployment }: Scene, kind: string, request: FaultRequest): Promise<number> {
  await deployment.simulator.addFault({ ...request, id: `${kind}#${(faults += 1)}` });
  return 0;
}

async function loseAnswer(scene: Scene, draw: Draw): Promise<number> {
  const cloud = draw.pick([...cloudsOf(scene), 'machines'] as const)!;
  const operation = draw.pick<string>(calls[cloud])!;
  scene.journal.refusals.add('Unavailable');
  return await add(scene, 'answer lost', { operation, mode: draw.chance(0.7) ? 'lose-answer' : 'lose-request' });
}

async function refuse(scene: Scene, draw: Draw, kind: 'throttled' | 'quota'): Promise<number> {
  const cloud = draw.pick(cloudsOf(scene));
  if (!cloud) return 0;
  const refusal = refusals[kind][cloud];
  scene.journal.refusals.add(refusal.code);
  const operation = kind === 'quota' ? launch[cloud] : draw.pick<string>(calls[cloud])!;
  return await add(scene, kind, { operation, mode: 'refuse', times: draw.whole(1, 3), ...refusal });
}

/** No room for another machine in a place, for a while. */
async function lackCapacity(scene: Scene, draw: Draw): Promise<number> {
  const { simulator } = scene.deployment;
  const place = draw.pick(scene.pools.live.flatMap(({ places }) => places));
  if (!place) return 0;
  for (const code of SHORTAGES) scene.journal.refusals.add(code);
  await simulator.setCapacity(place, 0);
  await pause(scene, draw.between(5_000, 20_000));
  await simulator.setCapacity(place, null);
  return 1;
}
/** The last is the product's, where a cloud creates fewer than were requested and gives no code. */
export const SHORTAGES: readonly string[] = [
  'InsufficientInstanceCapacity',
  'AllocationFailed',
  'ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS',
  'InsufficientCapacity',
];

/** A list that is not complete for a while, and says so. */
async function hideFromLists(scene: Scene, draw: Draw): Promise<number> {
  const cloud = draw.pick(cloudsOf(scene));
  const place = draw.pick(
    scene.pools.live.filter(({ provider }) => provider === cloud).flatMap(({ places }) => places),
  );
  if (!cloud || !place) return 0;
  const end = scene.journal.beginOutage();
  try {
    const show = await hide(scene, cloud, place);
    await pause(scene, draw.between(10_000, 30_000));
    await show();
  } finally {
    end();
  }
  return 1;
}

/** Gives what ends it. */
async function hide({ deployment, journal }: Scene, cloud: Cloud, place: string): Promise<() => Promise<unknown>> {
  const { simulator } = deployment;
  // As the product calls a list that lacks a part.
  journal.refusals.add('Unavailable');
  if (cloud === 'google') {
    const google = new SimulatedGoogle(simulator);
    await google.setZone(place, 'warning');
    return () => google.setZone(place, null);
  }
  const id = `incomplete list#${(faults += 1)}`;
  const refusal =
    cloud === 'aws'
      ? { operation: 'DescribeInstances', region: place, code: 'Unavailable', status: 503 }
      : { operation: 'LIST virtualMachines', code: 'InternalServerError', status: 500 };
  journal.refusals.add(refusal.code);
  await simulator.addFault({ ...refusal, id, mode: 'refuse', times: 100_000 });
  return () => simulator.releaseFault(id);
}

async function failCreation(scene: Scene): Promise<number> {
  if (!cloudsOf(scene).includes('azure')) return 0;
  const code = 'AllocationFailed';
  scene.journal.refusals.add(code);
  return await add(scene, 'creation fails', { operation: 'PUT virtualMachines', mode: 'fail-operation', code });
}

/** The machine goes at once; by hand: nothing is left that tells of it, and of Azure's its parts are. */
async function takeAway({ checker, deployment }: Scene, draw: Draw, vanish: boolean): Promise<number> {
  const machine = draw.pick(checker.machines);
  if (!machine) return 0;
  // It may have gone since.
  return await deployment.simulator.killMachine(machine.id, { vanish }).then(
    () => 1,
    () => 0,
  );
}

/** Nothing in it does anything any more: neither its worker nor what would renew its credentials. */
async function hang({ checker, deployment }: Scene, draw: Draw): Promise<number> {
  const { simulator } = deployment;
  const machine = draw.pick(checker.machines.filter(({ registered }) => registered));
  if (!machine) return 0;
  const id = `${HANGING}#${(faults += 1)}`;
  const forEver = { mode: 'hold-request', times: 100_000 } as const;
  await simulator.addFault({ ...forEver, id, operation: 'reregisterWorker', workerId: machine.id });
  return await simulator.act(machine.id, 'hang').then(
    () => 1,
    () => 0,
  );
}
const HANGING = 'machine hanging';

/** Lets all calls go that are held, and strikes no more. A machine that hangs goes on hanging. */
export async function endCloudFaults({ simulator }: Scene['deployment']): Promise<void> {
  for (const { id } of await simulator.faults()) if (!id.startsWith(HANGING)) await simulator.releaseFault(id, 'drop');
}

export const cloudFaults: readonly FaultKind[] = [
  { name: 'answer lost', everySeconds: 4, strike: loseAnswer },
  { name: 'throttled', everySeconds: 8, strike: (scene, draw) => refuse(scene, draw, 'throttled') },
  { name: 'quota', everySeconds: 20, strike: (scene, draw) => refuse(scene, draw, 'quota') },
  { name: 'capacity shortage', everySeconds: 20, strike: lackCapacity },
  { name: 'creation fails', everySeconds: 25, strike: failCreation },
  { name: 'incomplete list', everySeconds: 90, isSlow: true, strike: hideFromLists },
  { name: 'machine preempted', everySeconds: 8, strike: (scene, draw) => takeAway(scene, draw, false) },
  {
    name: 'machine deleted by hand',
    everySeconds: 15,
    isSlow: true,
    strike: (scene, draw) => takeAway(scene, draw, true),
  },
  {
    name: 'machine never registers',
    everySeconds: 15,
    isSlow: true,
    strike: (scene) => add(scene, 'machine never registers', { operation: 'registerWorker', mode: 'hold-request' }),
  },
  { name: 'machine hangs', everySeconds: 15, isSlow: true, strike: hang },
];

/** How often the faults of each kind have struck that wait for a call. */
export async function struck({ deployment }: Pick<Scene, 'deployment'>): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { id, hits } of await deployment.simulator.faults()) {
    const [kind = ''] = id.split('#');
    if (kind !== 'incomplete list') counts.set(kind, (counts.get(kind) ?? 0) + hits);
  }
  return counts;
}
