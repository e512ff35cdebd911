import { openLifecycles } from '../check/lifecycles.js';
import type { Draw } from '../draw.js';
import { pause, type Scene } from '../scene.js';
import type { FaultKind } from './kind.js';

/** What operators do, at the wrong moment. */

const ended = (work: Promise<unknown>): Promise<number> =>
  work.then(
    () => 1,
    // It may have ended by itself, or Temporal may be down.
    () => 0,
  );

async function endLifecycle({ deployment }: Scene, draw: Draw, how: 'terminate' | 'cancel'): Promise<number> {
  const { workflow } = deployment.temporalClient;
  const ids = await openLifecycles(deployment.temporalClient).catch(() => []);
  const id = draw.pick(ids.filter((each) => !each.includes('/shelf/')).toSorted());
  if (id === undefined) return 0;
  const handle = workflow.getHandle(id);
  return await ended(how === 'cancel' ? handle.cancel() : handle.terminate('by an operator'));
}

async function endReconciliation({ deployment, pools }: Scene, draw: Draw): Promise<number> {
  const pool = draw.pick(pools.live);
  if (!pool) return 0;
  return await ended(deployment.temporalClient.workflow.getHandle(`provision/${pool.id}`).terminate('by an operator'));
}

/** To another maximum, none at all among them; back after a while. */
async function changePool(scene: Scene, draw: Draw): Promise<number> {
  const { pools } = scene;
  const pool = draw.pick(pools.live);
  if (!pool) return 0;
  await pools.change(pool, draw.whole(0, pool.maximum * 2));
  await pause(scene, draw.between(10_000, 30_000));
  if (pools.live.includes(pool)) await pools.change(pool, pool.maximum);
  return 1;
}

async function replacePool({ pools }: Scene, draw: Draw): Promise<number> {
  const pool = draw.pick(pools.live);
  if (!pool) return 0;
  await pools.replace(pool);
  return 1;
}

export const operatorFaults: readonly FaultKind[] = [
  {
    name: 'lifecycle terminated',
    everySeconds: 15,
    isSlow: true,
    strike: (scene, draw) => endLifecycle(scene, draw, 'terminate'),
  },
  { name: 'lifecycle cancelled', everySeconds: 30, strike: (scene, draw) => endLifecycle(scene, draw, 'cancel') },
  { name: 'reconciliation terminated', everySeconds: 20, strike: endReconciliation },
  { name: 'pool changed', everySeconds: 15, strike: changePool },
  { name: 'pool deleted', everySeconds: 60, strike: replacePool },
];
