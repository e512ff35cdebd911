import type { Client } from '@temporalio/client';
import type { Config } from '../config/schema.js';
import { NULL_PROVIDER } from '../domain/ids.js';
import { accountOf } from '../providers/account.js';
import type { ProviderRegistry } from '../providers/registry.js';
import type { Deployment } from '../records/open.js';
import { providerAccounts, rememberProviderAccounts } from '../records/provider-accounts.js';
import type { PoolWithLaunchConfigs } from '../records/pools.js';
import type { Db } from '../records/schema.js';
import { liveWorkersByProvider } from '../records/workers.js';
import { countOpenLifecycles, deploymentOfNamespace } from '../temporal/namespace.js';
import { EXIT, ExitError } from './exit.js';

/** What must hold before a process may serve; each throws an ExitError that says what to do. */

/** Two deployments in one namespace would answer each other's lifecycles. */
export async function assertNamespaceIsOurs(client: Client, deploymentId: string): Promise<void> {
  const owner = await deploymentOfNamespace(client);
  if (owner === null || owner === deploymentId) return;
  throw new ExitError(
    EXIT.bad,
    `temporal.namespace: ${client.options.namespace} belongs to deployment ${owner}, and these records to ${deploymentId}; use a namespace of its own`,
  );
}

/** Lifecycles stay on the task queue that they began on. */
export async function assertPrefixIsFree(client: Client, deployment: Deployment, prefix: string): Promise<void> {
  const before = deployment.taskQueuePrefix;
  if (before === null || before === prefix) return;
  const open = await countOpenLifecycles(client);
  if (open === 0) return;
  throw new ExitError(
    EXIT.bad,
    `temporal.taskQueuePrefix: ${open} lifecycles are open under ${before}; keep it until they have stopped`,
  );
}

/**
 * A provider that vanished from the configuration could neither look at its machines nor take them away; one that came to
 * mean another account would take them for gone. Afterwards the accounts of the configuration are the remembered ones.
 */
export async function assertProvidersKeepTheirMachines(db: Db, config: Config): Promise<void> {
  await assertMachinesStayInReach(db, config);
  await rememberProviderAccounts(
    db,
    Object.entries(config.providers).map(([providerId, provider]) => ({ providerId, account: accountOf(provider) })),
  );
}

/**
 * Pools whose definition was accepted once and would be refused today: a rule came in, or what the definition relies on has
 * gone. Their launches are bound to fail. Pools of providers that are not configured here are left out.
 */
export function unusablePools(
  pools: readonly PoolWithLaunchConfigs[],
  providers: ProviderRegistry,
): { workerPoolId: string; reason: string }[] {
  return pools.flatMap(({ pool: { workerPoolId, providerId, owner, config }, launchConfigs }) => {
    const provider = providers.get(providerId);
    if (!provider || providerId === NULL_PROVIDER) return [];
    // Machines that nobody launches have no launch configs, and some definitions have no such member.
    const configurations = launchConfigs.map(({ configuration }) => configuration);
    const submitted = provider.launching ? { ...config, launchConfigs: configurations } : config;
    const validation = provider.validatePool(submitted, { workerPoolId, owner });
    return validation.ok ? [] : [{ workerPoolId, reason: validation.reason }];
  });
}

async function assertMachinesStayInReach(db: Db, config: Config): Promise<void> {
  const accounts = await providerAccounts(db);
  for (const { providerId, workers } of await liveWorkersByProvider(db)) {
    const provider = config.providers[providerId];
    const alive = `providers.${providerId}: ${workers} workers of it are alive`;
    if (!provider) {
      throw new ExitError(EXIT.bad, `${alive}; keep it, with draining: true, until they have stopped`);
    }
    const before = accounts.get(providerId);
    const now = accountOf(provider);
    if (before === undefined || before === now) continue;
    throw new ExitError(
      EXIT.bad,
      `${alive} in ${before}, and it now means ${now ?? 'no cloud'}; change it back, with draining: true, until they have stopped, or give the new one another id`,
    );
  }
}
