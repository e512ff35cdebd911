import type { Instance } from './resource.js';
import type { GoogleStore } from './store.js';

/** By its own clock, whatever the operation that creates it does: half of the way it is staged, then it runs. */
export function statusOf(store: GoogleStore, instance: Instance, nowMs: number): string {
  if (instance.shown !== null) return instance.shown;
  if (instance.deleting || instance.power === 'stopping') return 'STOPPING';
  if (instance.power === 'off') return 'TERMINATED';
  const ageMs = nowMs - store.orderOf(instance).createdMs;
  const { runningMs } = store.times;
  if (instance.ghost || ageMs < runningMs / 2) return 'PROVISIONING';
  return ageMs < runningMs ? 'STAGING' : 'RUNNING';
}
