import * as outside from '../../dev/acceptance/check-evidence.mjs';
import type { System } from '../../dev/testing/system.js';

/**
 * Has `dev/acceptance/check-evidence.mjs`, which knows nothing of the product, count what the simulator's log, the API
 * and Temporal say of a system. Gives its table; throws it when a promise was broken. `ended`: nothing may be left.
 */
export async function checkEvidence(system: System, { ended = false } = {}): Promise<string> {
  // A row says stopped before its lifecycle closes, and Temporal's list tells of that later still.
  if (ended) await system.waitFor(async () => (await system.openLifecycles()) === 0, 'all lifecycles to close');
  const { isKept, table } = await outside.checkEvidence({
    log: system.simulator.logFile,
    api: system.api.url,
    temporal: system.temporalAddress,
    namespace: system.namespace,
    ended,
  });
  if (!isKept) throw system.failure(`the evidence is against it:\n${table}`);
  return table;
}
