import { sql } from 'kysely';
import { workerStates } from '../domain/worker.js';

/** The nine counters of a pool or a launch config, as on the wire. */
export interface StateCounts {
  /** Of all workers that are not stopped. */
  readonly currentCapacity: number;
  readonly requestedCount: number;
  readonly requestedCapacity: number;
  readonly runningCount: number;
  readonly runningCapacity: number;
  readonly stoppingCount: number;
  readonly stoppingCapacity: number;
  readonly stoppedCount: number;
  readonly stoppedCapacity: number;
}

/** Columns of StateCounts over a group of rows of `workers`. */
export const stateCounts = sql.raw(
  [
    `coalesce(sum(capacity) filter (where state <> 'stopped'), 0) as current_capacity`,
    ...workerStates.flatMap((state) => [
      `count(*) filter (where state = '${state}') as ${state}_count`,
      `coalesce(sum(capacity) filter (where state = '${state}'), 0) as ${state}_capacity`,
    ]),
  ].join(', '),
);

export const noWorkers: StateCounts = {
  currentCapacity: 0,
  requestedCount: 0,
  requestedCapacity: 0,
  runningCount: 0,
  runningCapacity: 0,
  stoppingCount: 0,
  stoppingCapacity: 0,
  stoppedCount: 0,
  stoppedCapacity: 0,
};
