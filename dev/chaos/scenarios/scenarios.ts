import { writeFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ProductProcess } from '../../testing/product.js';
import { EXAMPLE_REGIONS } from '../deployment.js';
import type { Stage } from './stage.js';

/**
 * What a sweep must not do, and how it goes on when an operator has looked: each from a running deployment to its clean
 * end.
 */

export interface Scenario {
  readonly name: string;
  readonly run: (stage: Stage) => Promise<void>;
}

const [HERE, THERE] = EXAMPLE_REGIONS;

/**
 * An orphan of a known launch waits while a list is incomplete; it waits too while there is a machine of an unknown
 * launch.
 */
async function fuse(stage: Stage): Promise<void> {
  const { simulator } = stage.deployment;
  const [orphan, kept] = await stage.runningPool('chaos/fuse', 2, HERE);
  const [elsewhere] = await stage.runningPool('chaos/fuse-elsewhere', 1, THERE);
  await stage.wantNone('chaos/fuse');
  await stage.wantNone('chaos/fuse-elsewhere');
  await stage.orphan(orphan!);
  const { id } = await simulator.addFault({
    ...{
      operation: 'DescribeInstances',
      mode: 'refuse',
      code: 'Unavailable',
      status: 503,
      region: THERE,
      times: 100_000,
    },
  });
  await stage.expectHeld('incomplete list', [orphan!, kept!, elsewhere!]);
  const unknown = await stage.launchUnknown(HERE, 'chaos-unknown-launch');
  await simulator.releaseFault(id);
  await stage.expectHeld('unknown machines', [orphan!, kept!, elsewhere!, unknown]);
  await stage.command('sweep', '--confirm', '2');
  await stage.until(
    async () => !(await stage.exists(orphan!)) && !(await stage.exists(unknown)),
    'the confirmed removals',
  );
  for (const id of [kept!, elsewhere!]) stage.expect(await stage.exists(id), `removed, and not confirmed: ${id}`);
  await stage.endAll(['chaos/fuse', 'chaos/fuse-elsewhere'], [kept!, elsewhere!]);
}

/** The database is put back to a time before the last launches. */
async function restored(stage: Stage): Promise<void> {
  const { store } = stage.deployment;
  const pool = 'chaos/restored';
  const older = await stage.runningPool(pool, 2, HERE);
  await store!.whileDown(() => store!.copy('backup'));
  const all = await stage.runningPool(pool, 4, HERE);
  const newer = all.filter((id) => !older.includes(id));
  await store!.whileDown(() => store!.putBack('backup'));
  await stage.expectHeld('unknown machines', all);
  const listed = await stage.command('sweep', '--dry-run');
  for (const id of newer) stage.expect(listed.includes(id), `--dry-run does not list ${id}`);
  await stage.letTimePass();
  await stage.command('sweep', '--confirm', '2');
  await stage.until(
    async () => !(await Promise.all(newer.map((id) => stage.exists(id)))).includes(true),
    'the removals',
  );
  for (const id of older) stage.expect(await stage.exists(id), `removed, and not confirmed: ${id}`);
  await stage.endAll([pool], all);
}

/** A new, empty database beside the old deployment's namespace. */
async function empty(stage: Stage): Promise<void> {
  const { store, folder, processes } = stage.deployment;
  const pool = 'chaos/empty';
  const machines = await stage.runningPool(pool, 2, HERE);
  await store!.whileDown(async () => {
    const config = JSON.parse(readFileSync(processes.at(-1)!.configFile, 'utf8')) as { database: object };
    const path = join(folder, 'empty.json');
    writeFileSync(path, JSON.stringify({ ...config, database: { url: await store!.create('empty') } }));
    const process = new ProductProcess(['serve', '--role', 'worker', '--config', path], join(folder, 'empty.log'));
    const { code } = await process.ended;
    stage.expect(code === 1, `with an empty database serve ended with ${code}`);
    stage.expect(
      /belongs to deployment/.test(process.output()),
      'no line says that the namespace is another deployment’s',
    );
  });
  for (const id of machines) stage.expect(await stage.exists(id), `removed by an empty database: ${id}`);
  await stage.endAll([pool], machines);
}

export const scenarios: readonly Scenario[] = [
  { name: 'incomplete list, then an unknown machine', run: fuse },
  { name: 'database restored', run: restored },
  { name: 'database empty', run: empty },
];
