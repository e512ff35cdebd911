import type { Journal } from './journal.js';
import { workerIdOf } from './lifecycles.js';
import type { ErrorRow, Rows } from './rows.js';
import type { World } from './world.js';

/** Rows that contradict each other, or what exists. Each sentence is one violation. */

/** Of rows that were read before the world: what stopped before is gone, or on its way. */
export function contradictions(rows: Rows, world: World, journal: Journal): string[] {
  const tokens = new Map(rows.launches.map((launch) => [launch.token, launch]));
  const stopped = new Set(rows.workers.filter(({ state }) => state === 'stopped').map((row) => row.worker_id));
  const createdBy = Map.groupBy(
    rows.workers.filter(({ launch_token: token }) => token !== null),
    ({ launch_token: token }) => token!,
  );
  const ours = world.machines.filter(({ id }) => !journal.foreign.has(id));
  const named = Map.groupBy(rows.workers, ({ worker_group: group, worker_id: id }) => `${group}/${id}`);
  return [
    ...ours
      .filter(({ id, isEnding }) => stopped.has(id) && !isEnding)
      .map(({ id }) => `recorded as stopped, and exists: ${id}`),
    ...rows.workers
      .filter(({ state, stopped_at: at, stop_reason: why }) => state === 'stopped' && (at === null || !why))
      .map(({ worker_id: id }) => `stopped without an instant or a reason: ${id}`),
    ...rows.workers
      .filter(({ launch_token: token }) => token !== null && !tokens.has(token))
      .map(({ worker_id: id, launch_token: token }) => `its launch ${token} has no row: ${id}`),
    ...[...createdBy]
      .filter(([token, workers]) => workers.length > (tokens.get(token)?.count ?? Infinity))
      .map(([token, workers]) => `${workers.length} workers of launch ${token}, which was to create fewer`),
    ...[...createdBy]
      .filter(([token]) => tokens.get(token)?.status === 'failed')
      .map(([token]) => `failed, and has workers: launch ${token}`),
    ...[...named].filter(([, workers]) => workers.length > 1).map(([name]) => `two workers are called ${name}`),
    ...rows.wrongCounts.map((pool) => `the count of stopped workers is wrong: ${pool}`),
  ];
}

/** Machines that were there before the rows were read, and whose launch these do not know. */
export const unknownLaunches = (before: World, rows: Rows, journal: Journal): string[] => {
  const tokens = new Set(rows.launches.map(({ token }) => token));
  return before.machines
    .filter(({ id, token }) => token !== null && !journal.foreign.has(id) && !tokens.has(token))
    .map(({ id, token }) => `no row of its launch ${token}: ${id}`);
};

/** What is left when demand has ended and everybody had time to clean up. */
export function leftovers(world: World, lifecycles: readonly string[], rows: Rows | null, journal: Journal): string[] {
  const isOurs = ({ id }: { readonly id: string }) => !journal.foreign.has(id);
  const all = [...world.machines, ...world.parts];
  const gone = [...journal.foreign].filter((name) => !all.some(({ id }) => id === name || id.endsWith(`/${name}`)));
  return [
    ...world.machines.filter((machine) => isOurs(machine) && !machine.isEnding).map(({ id }) => `machine left: ${id}`),
    ...world.parts.filter(isOurs).map(({ id }) => `left: ${id}`),
    ...lifecycles.map((id) => `lifecycle left: ${id}`),
    ...gone.map((id) => `somebody else’s is gone: ${id}`),
    ...(rows?.workers ?? [])
      .filter(({ state }) => state !== 'stopped')
      .map(({ worker_id: id, state }) => `worker left as ${state}: ${id}`),
    ...(rows?.launches ?? [])
      .filter(({ status }) => status === 'open' || status === 'fulfilled')
      .map(({ token, status }) => `launch left as ${status}: ${token}`),
    ...(rows?.orphans ?? []).map((name) => `orphan left: ${name}`),
  ];
}

/** Errors that nothing explains that the harness did. */
export const unaccountedErrors = (errors: readonly ErrorRow[], explains: (error: ErrorRow) => boolean): string[] =>
  errors
    .filter((error) => !explains(error))
    .map(
      ({ worker_pool_id: pool, kind, code, title }) =>
        `error of ${pool} that nothing explains: ${kind} ${code} ${title}`,
    );

/** A worker has one lifecycle, under one name. */
export function doubledLifecycles(lifecycles: readonly string[]): string[] {
  const byWorker = Map.groupBy(lifecycles, workerIdOf);
  return [...byWorker].filter(([, ids]) => ids.length > 1).map(([id, ids]) => `${ids.length} open lifecycles of ${id}`);
}
