import { randomBytes, randomUUID } from 'node:crypto';
import { parseConfig } from '../../config/load.js';
import { messageOf } from '../../domain/values.js';
import { providerContext } from '../../providers/context.js';
import { buildProviders, providerTypes } from '../../providers/configured.js';
import { type Environment, type LiveCloud, liveClouds } from './clouds.js';
import { liveOnce } from './life.js';

const POOL = { workerPoolId: 'live/one-machine', owner: 'live@example.com' };
const unlimited = { acquire: async () => {}, reportQuota: async () => {} };

/**
 * One machine in each cloud for which the environment says enough, one after another. False: one failed.
 */
export async function runLive(
  environment: Environment,
  print: (line: string) => void,
  everyMs = 5_000,
): Promise<boolean> {
  let isWell = true;
  for (const cloud of liveClouds) {
    const missing = cloud.needs.find((name) => !environment[name]);
    if (missing !== undefined) {
      print(`${cloud.name}: skipped, ${missing} is not set`);
      continue;
    }
    // Of its own at each run, so that a listing by it shows what this run has created, and nothing else.
    const deploymentId = randomUUID();
    // First of all, for whoever interrupts it.
    print(`${cloud.name}: begun; whatever it creates has the tag worker-manager-deployment=${deploymentId}`);
    try {
      const { workerId, workerGroup } = await runOne(cloud, environment, deploymentId, everyMs);
      print(`${cloud.name}: ok, ${workerId} in ${workerGroup} was launched, listed, read and removed; nothing is left`);
    } catch (error) {
      isWell = false;
      print(`${cloud.name}: FAILED, ${messageOf(error)}; see by its tag what is left`);
    }
  }
  return isWell;
}

async function runOne(cloud: LiveCloud, environment: Environment, deploymentId: string, everyMs: number) {
  const values = Object.fromEntries(
    [...cloud.needs, ...cloud.takes].flatMap((name): [string, string][] => {
      const value = environment[name];
      return value ? [[name, value]] : [];
    }),
  );
  const source = JSON.stringify({ providers: { [cloud.name]: cloud.provider(values) } });
  const config = parseConfig(source, 'the environment', providerTypes);
  const deployment = { deploymentId, deploymentKey: randomBytes(32).toString('base64url') };
  const context = { rootUrl: 'https://live.example.com', deployment, limiter: unlimited, onCall: () => {} };
  const providers = await buildProviders(config.providers, (id) => providerContext(id, context));
  const provider = providers.list()[0]!;
  const definition = { minCapacity: 0, maxCapacity: 1, launchConfigs: [cloud.launchConfig(values)] };
  const validation = provider.validatePool(definition, POOL);
  if (!validation.ok) throw new Error(validation.reason);
  const configuration = validation.launchConfigs[0]!;
  return await liveOnce(
    provider,
    { ...POOL, token: randomUUID(), launchConfigId: 'live', count: 1, configuration },
    everyMs,
  );
}
