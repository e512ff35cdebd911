import { setTimeout as delay } from 'node:timers/promises';
import type { Checker } from './check/checker.js';
import type { Journal } from './check/journal.js';
import type { Deployment } from './deployment.js';
import type { PoolsAtWork } from './pools-at-work.js';

/** What faults act on. */
export interface Scene {
  readonly deployment: Deployment;
  readonly checker: Checker;
  readonly journal: Journal;
  readonly pools: PoolsAtWork;
  /** Of a silent database or Temporal: a minute where the run is long enough. */
  readonly silenceMs: number;
  readonly onViolation: (violation: string) => void;
  /** Aborted when demand ends: what lasts for a while ends then. */
  readonly signal: AbortSignal;
}

/** Waits, and no longer than demand lasts. */
export const pause = async (scene: Pick<Scene, 'signal'>, ms: number): Promise<void> => {
  await delay(ms, undefined, { signal: scene.signal }).catch(() => undefined);
};
