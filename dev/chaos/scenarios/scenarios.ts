import { awsPool } from '../../testing/api-client.js';
import { createNamespace } from '../../testing/namespace.js';
import { openLifecycles } from '../check/lifecycles.js';
import { EXAMPLE_REGIONS } from '../deployment.js';
import { scheduleOf } from './another-deployment.js';
import { type CloudOfLists, incompleteLists } from './incomplete-lists.js';
import type { DefinePool, Stage } from './stage.js';

/**
 * What a sweep must not do, and how it goes on when an operator has looked: each from a running deployment to its clean
 * end.
 */

const [REGION] = EXAMPLE_REGIONS;
const HERE: DefinePool = (capacity) => awsPool({ ...capacity, regions: [REGION] });

/**
 * Orphans of known launches wait while a list of any place of any cloud is incomplete, whatever an operator confirms:
 * one in that cloud, and one in a list that is complete.
 */
const incompleteList = (cloud: CloudOfLists) => async (stage: Stage) => {
  const { here, there, hide } = incompleteLists[cloud];
  const pools = [`chaos/incomplete-${cloud}`, `chaos/incomplete-${cloud}-there`, `chaos/complete-beside-${cloud}`];
  const [orphan, kept] = await stage.runningPool(pools[0]!, 2, here);
  const [elsewhere] = await stage.runningPool(pools[1]!, 1, there);
  const [beside] = await stage.runningPool(pools[2]!, 1, HERE);
  const machines = [orphan!, kept!, elsewhere!, beside!];
  for (const pool of pools) await stage.wantNone(pool);
  for (const each of [orphan!, beside!]) await stage.orphan(each);
  // Complete lists show that they are without an owner, and then only the fuse is left to hold them: time passes when
  // no sweep is left that has read complete ones.
  await stage.sweep();
  const show = await hide(stage.deployment.simulator);
  await stage.sweep();
  await stage.letTimePass();
  await stage.expectHeld('incomplete list', machines);
  await stage.command('sweep', '--confirm', '5');
  for (const each of machines)
    stage.expect(await stage.exists(each), `removed of an incomplete list, because that was confirmed: ${each}`);
  await show();
  await stage.until(async () => {
    await stage.sweep();
    return !(await stage.exists(orphan!)) && !(await stage.exists(beside!));
  }, 'the removal of the orphans');
  await stage.endAll(pools, machines);
};

/** An orphan of a known launch waits while there is a machine of a launch that the database does not know. */
async function unknownMachine(stage: Stage): Promise<void> {
  const [orphan, kept] = await stage.runningPool('chaos/unknown', 2, HERE);
  await stage.wantNone('chaos/unknown');
  const unknown = await stage.launchUnknown(REGION, 'chaos-unknown-launch');
  await stage.orphan(orphan!);
  await stage.expectHeld('unknown machines', [orphan!, kept!, unknown]);
  await stage.command('sweep', '--confirm', '2');
  await stage.until(
    async () => !(await stage.exists(orphan!)) && !(await stage.exists(unknown)),
    'the confirmed removals',
  );
  stage.expect(await stage.exists(kept!), `removed, and not confirmed: ${kept!}`);
  await stage.endAll(['chaos/unknown'], [kept!]);
}

/**
 * The database is put back to a time before the last launches: it does not know the newer machines, and calls a worker
 * alive that has ended since.
 */
async function restored(stage: Stage): Promise<void> {
  const { store, api } = stage.deployment;
  const pool = 'chaos/restored';
  const ended = 'chaos/restored-ended';
  const older = await stage.runningPool(pool, 2, HERE);
  const [last] = await stage.runningPool(ended, 1, HERE);
  await stage.wantNone(ended);
  await store!.whileDown(() => store!.copy('backup'));
  const stateOf = async () => (await api.workers(ended)).find(({ workerId }) => workerId === last)?.state;
  for (const worker of await api.workers(ended)) await api.removeWorker(worker);
  await stage.until(async () => (await stateOf()) === 'stopped', 'the end of a worker');
  const all = await stage.runningPool(pool, 4, HERE);
  const newer = all.filter((id) => !older.includes(id));
  await store!.whileDown(() => store!.putBack('backup'));
  stage.expect((await stateOf()) === 'running', 'the backup does not call the worker alive that has ended since');
  await stage.expectHeld('unknown machines', all);
  await stage.until(async () => (await stateOf()) === 'stopped', 'the end of a worker that had ended before');
  stage.expect(stage.hasLine('worker-outlives-lifecycle', last), `no line worker-outlives-lifecycle of ${last!}`);
  const listed = await stage.command('sweep', '--dry-run');
  for (const id of newer) stage.expect(listed.includes(id), `--dry-run does not list ${id}`);
  await stage.command('sweep', '--confirm', '2');
  await stage.until(
    async () => !(await Promise.all(newer.map((id) => stage.exists(id)))).includes(true),
    'the removals',
  );
  for (const id of older) stage.expect(await stage.exists(id), `removed, and not confirmed: ${id}`);
  await stage.endAll([pool, ended], all);
}

/** A new, empty database beside the old deployment's namespace. */
async function empty(stage: Stage): Promise<void> {
  const { store } = stage.deployment;
  const pool = 'chaos/empty';
  const machines = await stage.runningPool(pool, 2, HERE);
  await store!.whileDown(async () => {
    await stage.expectRefused('with-an-empty-database', { database: { url: await store!.create('empty') } });
  });
  for (const id of machines) stage.expect(await stage.exists(id), `removed by an empty database: ${id}`);
  await stage.endAll([pool], machines);
}

/**
 * The deployment's database beside another deployment's namespace; then beside an empty one, where each worker gets a
 * lifecycle, and nothing is removed or launched.
 */
async function anotherNamespace(stage: Stage): Promise<void> {
  const { store, temporal, simulator } = stage.deployment;
  const pool = 'chaos/namespace';
  const machines = await stage.runningPool(pool, 2, HERE);
  const countOfAll = async () => (await simulator.machines()).filter(({ state }) => state === 'running').length;
  const before = await countOfAll();
  const address = temporal.proxy.address;
  const [theirs, fresh] = [await createNamespace(address), await createNamespace(address)];
  try {
    await scheduleOf(theirs.client, 'c0ffee00-0000-4000-8000-00000000beef');
    await store!.whileDown(async () => {
      await stage.expectRefused('in-their-namespace', { temporal: { namespace: theirs.namespace } });
      const process = stage.worker('in-a-new-namespace', { temporal: { namespace: fresh.namespace } });
      await process.serves();
      const owned = async () => {
        await fresh.client.schedule
          .getHandle('sweep')
          .trigger()
          .catch(() => undefined);
        const open = await openLifecycles(fresh.client);
        return machines.every((id) => open.some((one) => one.endsWith(`/${id}`)));
      };
      await stage
        .until(owned, 'lifecycles in the new namespace')
        .catch((error: unknown) => stage.expect(false, String(error)));
      await process.signal('SIGTERM');
    });
  } finally {
    await theirs.client.connection.close();
    await fresh.client.connection.close();
  }
  for (const id of machines) stage.expect(await stage.exists(id), `removed in another namespace: ${id}`);
  stage.expect((await countOfAll()) === before, 'launched in another namespace');
  const held = await stage.sweep();
  stage.expect(held.length === 0, `back in its namespace a sweep was held for "${held.join(', ')}"`);
  await stage.endAll([pool], machines);
}

/** Somebody's machines with all the tags of ours, of one with an owner and of an orphan. */
async function copiedTags(stage: Stage): Promise<void> {
  const { simulator } = stage.deployment;
  const pool = 'chaos/copied';
  const [kept, orphan] = await stage.runningPool(pool, 2, HERE);
  await stage.wantNone(pool);
  const copies = [await stage.copyOf(kept!), await stage.copyOf(kept!, 'theirs'), await stage.copyOf(orphan!)];
  await stage.orphan(orphan!);
  await stage.until(async () => {
    const listed = await stage.command('sweep', '--dry-run');
    return copies.every((id) => listed.includes(id));
  }, 'the copies in the lists');
  await stage.sweep();
  await stage.letTimePass();
  await stage.sweep();
  await stage.until(async () => !(await stage.exists(orphan!)), 'the removal of the orphan');
  stage.expect(stage.hasLine('orphans-listed'), 'no line orphans-listed');
  await stage.letTimePass();
  await stage.command('sweep', '--confirm', '50');
  await stage.endAll([pool], [kept!]);
  for (const id of copies) {
    stage.expect(await stage.exists(id), `somebody else’s was removed: ${id}`);
    await simulator.killMachine(id);
  }
}

export const scenarios = {
  'incomplete-list': incompleteList('aws'),
  'incomplete-list-azure': incompleteList('azure'),
  'incomplete-list-google': incompleteList('google'),
  'unknown-machine': unknownMachine,
  'copied-tags': copiedTags,
  'another-namespace': anotherNamespace,
  empty,
  restored,
} as const satisfies Readonly<Record<string, (stage: Stage) => Promise<void>>>;
export type ScenarioName = keyof typeof scenarios;
export const scenarioNames = Object.keys(scenarios) as ScenarioName[];
