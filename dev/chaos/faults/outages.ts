import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Role } from '../../testing/product.js';
import type { Dependency } from '../deployment.js';
import type { Draw } from '../draw.js';
import { pause, type Scene } from '../scene.js';
import type { FaultKind } from './kind.js';

/** Kills and silences of processes and servers. */

/** A process of the role is killed and started again after a while; the checker reads what can be read meanwhile. */
async function killProcess(
  { deployment, checker, journal }: Scene,
  draw: Draw,
  role: Role,
  clockErrorMs = 0,
): Promise<number> {
  const process = draw.pick(deployment.processes.filter((each) => each.role === role));
  if (!process || process.isDown) return 0;
  const downMs = draw.between(0, 3_000);
  journal.refusals.add('Unavailable');
  const readWhileDown = async () => {
    await Promise.all([delay(downMs), deployment.database ? null : checker.judgeRows()]);
  };
  await process.kill(readWhileDown, clockErrorMs);
  await process.serves().catch(() => undefined);
  return 1;
}

async function killServer({ journal }: Scene, draw: Draw, dependency: Dependency | null): Promise<number> {
  if (!dependency) return 0;
  journal.refusals.add('Unavailable');
  const end = journal.beginOutage();
  try {
    await dependency.server.kill(draw.between(0, 5_000));
  } finally {
    end();
  }
  return 1;
}

/**
 * As both sides notice with the keepalives that the product sets. Without it what is lost would stay at Postgres for
 * the whole run, until it takes no more connections.
 */
const NOTICED_MS = 30_000;

/** Connections stay open and nothing arrives; what was sent meanwhile arrives then, or never. */
async function silence(scene: Scene, draw: Draw, dependency: Dependency | null): Promise<number> {
  if (!dependency) return 0;
  scene.journal.refusals.add('Unavailable');
  const end = scene.journal.beginOutage();
  dependency.proxy.silence();
  await pause(scene, scene.silenceMs);
  const { proxy } = dependency;
  const meanwhile = draw.chance(0.5) ? 'arrives' : 'lost';
  proxy.speak(meanwhile);
  if (meanwhile === 'lost') setTimeout(() => proxy.expireLost(), NOTICED_MS).unref();
  end();
  return 1;
}

const BURST = 200;

/**
 * All processes, one after the other, as a new version is installed, in a burst; clients may see a 503 now and then.
 */
async function restartAll(scene: Scene, draw: Draw): Promise<number> {
  const { deployment, pools, onViolation } = scene;
  for (let tasks = 0; tasks < BURST; tasks += 10) await pools.addTasks(draw, 10);
  const over = new AbortController();
  const client = (async () => {
    while (!over.signal.aborted) {
      const status = await statusOf(`${deployment.api.url}/api/worker-manager/v1/worker-pools?limit=1`);
      if (status !== 200 && status !== 503) onViolation(`a client saw ${status} during a rolling restart`);
      await delay(50);
    }
  })();
  try {
    for (const process of deployment.processes) await process.restart();
  } finally {
    over.abort();
    await client;
  }
  return 1;
}

/** Of a call on a connection of its own; 0: there was no answer. */
const statusOf = (url: string): Promise<number> =>
  new Promise((resolve) => {
    const request = get(url, { agent: false }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.on('error', () => resolve(0));
    });
    request.on('error', () => resolve(0));
  });

const outage = (
  name: string,
  everySeconds: number,
  strike: FaultKind['strike'],
  shapes?: FaultKind['shapes'],
): FaultKind => ({ name, everySeconds, strike, isOutage: true, ...(shapes && { shapes }) });

const minute = 60_000;

export const outages: readonly FaultKind[] = [
  outage('process of everything killed', 45, (scene, draw) => killProcess(scene, draw, 'all'), ['embedded']),
  outage('worker process killed', 40, (scene, draw) => killProcess(scene, draw, 'worker'), ['production']),
  outage('API process killed', 60, (scene, draw) => killProcess(scene, draw, 'api'), ['production']),
  outage('Temporal server killed', 120, (scene, draw) => killServer(scene, draw, scene.deployment.temporal)),
  outage('Postgres killed', 150, (scene, draw) => killServer(scene, draw, scene.deployment.database), ['production']),
  outage('database silent', 300, (scene, draw) => silence(scene, draw, scene.deployment.database), ['production']),
  outage('Temporal silent', 300, (scene, draw) => silence(scene, draw, scene.deployment.temporal)),
  outage(
    'worker process with a wrong clock',
    150,
    (scene, draw) => killProcess(scene, draw, 'worker', Math.round(draw.between(-4 * minute, 4 * minute))),
    ['production'],
  ),
  outage('rolling restart in a burst', 240, restartAll, ['production']),
];
