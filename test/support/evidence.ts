import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../dev/testing/product.js';
import type { System } from '../../dev/testing/system.js';

/**
 * Has `dev/acceptance/check-evidence.mjs`, which knows nothing of the product, count what the simulator's log, the API
 * and Temporal say of a system. Gives its table; throws it when a promise was broken. `ended`: nothing may be left.
 */
export async function checkEvidence(system: System, { ended = false } = {}): Promise<string> {
  // A row says stopped before its lifecycle closes, and Temporal's list tells of that later still.
  if (ended) await system.waitFor(async () => (await system.openLifecycles()) === 0, 'all lifecycles to close');
  const args = [
    join(projectRoot, 'dev/acceptance/check-evidence.mjs'),
    ...['--log', system.simulator.logFile],
    ...['--api', system.api.url],
    ...['--temporal', system.temporalAddress, '--namespace', system.namespace],
    ...(ended ? ['--ended'] : []),
  ];
  const child = spawn(process.execPath, args, { env: { ...process.env, NODE_OPTIONS: '' } });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) throw system.failure(`the evidence is against it:\n${output}`);
  return output;
}
