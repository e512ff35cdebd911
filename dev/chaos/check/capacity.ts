import type { Journal } from './journal.js';
import type { LaunchRow, Rows } from './rows.js';
import type { CloudMachine, World } from './world.js';

/** A reconciliation reads the pool's maximum, then reserves; killed in between it may go on so much later. */
const DECIDES_WITHIN_MS = 120_000;

/**
 * Never more capacity than the maximum of the revision that decided: of the machines that exist at any one instant,
 * those of a launch and of all launches decided before it fit into the maximum of its decision. (Those decided after it
 * are measured by their own.) Which launch a machine is of is known once the rows have been read.
 */
export class Capacity {
  readonly #journal: Journal;
  /** Sets of machines that existed at once, by pool, since the rows were last read. */
  readonly #unjudged = new Map<string, Map<string, readonly CloudMachine[]>>();
  readonly broken = new Set<string>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  note({ machines }: World): void {
    const ours = machines.filter(({ id, isEnding }) => !isEnding && !this.#journal.foreign.has(id));
    for (const [pool, alive] of Map.groupBy(ours, ({ pool: of }) => of)) {
      if (pool === null) continue;
      const sets = this.#unjudged.get(pool) ?? new Map<string, readonly CloudMachine[]>();
      sets.set(
        alive
          .map(({ id }) => id)
          .toSorted()
          .join(' '),
        alive,
      );
      this.#unjudged.set(pool, sets);
    }
  }

  /** `rows` were read after all that was noted. */
  judge({ launches, workers }: Rows): void {
    const byToken = new Map(launches.map((launch) => [launch.token, launch]));
    const tokens = new Map(workers.map(({ worker_id: id, launch_token: token }) => [id, token]));
    const launchOf = ({ id, token }: CloudMachine) => byToken.get(tokens.get(id) ?? token ?? '');
    for (const [pool, sets] of this.#unjudged) {
      for (const machines of sets.values()) {
        const known = machines.flatMap((machine) => launchOf(machine) ?? []);
        for (const launch of new Set(known)) this.#judgeLaunch(pool, launch, known);
      }
    }
    this.#unjudged.clear();
  }

  #judgeLaunch(pool: string, launch: LaunchRow, alive: readonly LaunchRow[]): void {
    const before = alive.filter(({ created }) => created <= launch.created);
    const capacity = before.reduce((sum, one) => sum + one.capacity_per_machine, 0);
    const { created } = launch;
    const maximum = this.#journal.largestMaximum(pool, created - DECIDES_WITHIN_MS, created);
    if (maximum === null || capacity > maximum)
      this.broken.add(`capacity ${capacity} over the maximum ${maximum} of ${pool}: launch ${launch.token}`);
  }
}
