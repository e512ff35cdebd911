import type { Client } from '@temporalio/client';
import type { Config } from '../config/schema.js';
import type { Deployment } from '../domain/deployment.js';
import { NULL_PROVIDER } from '../domain/ids.js';
import { accountOf, type Providers } from '../providers/configured.js';
import { providerAccounts, recordProviderAccounts } from '../database/provider-accounts.js';
import type { PoolWithLaunchConfigs } from '../database/pools.js';
import type { Db } from '../database/client/schema.js';
import { liveWorkersByProvider } from '../database/workers.js';
import { countOpenLifecycles, deploymentOfNamespace } from '../temporal/namespace.js';
import { EXIT, ExitError } from './exit.js';

/** What must hold before a process may serve; each problem is a line with its key that says what to do. */

function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new ExitError(EXIT.bad, problems.join('\n'));
}

export async function assertNamespaceIsOurs(client: Client, deploymentId: string): Promise<void> {
  const owner = await deploymentOfNamespace(client);
  refuse(namespaceProblems(client.options.namespace, owner, deploymentId));
}

/** Two deployments in one namespace would answer each other's lifecycles. */
export function namespaceProblems(namespace: string, owner: string | null, deploymentId: string | null): string[] {
  if (owner === null || owner === deploymentId) return [];
  const ours = deploymentId ?? 'none yet';
  return [
    `temporal.namespace: ${namespace} belongs to deployment ${owner}, and this database to ${ours}; use a namespace of its own`,
  ];
}

export async function assertPrefixIsFree(client: Client, deployment: Deployment, prefix: string): Promise<void> {
  // Counting is a search: only where its answer matters.
  if (deployment.taskQueuePrefix === null || deployment.taskQueuePrefix === prefix) return;
  refuse(prefixProblems(deployment, prefix, await countOpenLifecycles(client)));
}

/** Lifecycles stay on the task queue that they began on. */
export function prefixProblems(
  { taskQueuePrefix: before }: Deployment,
  prefix: string,
  openLifecycles: number,
): string[] {
  if (before === null || before === prefix || openLifecycles === 0) return [];
  return [
    `temporal.taskQueuePrefix: ${openLifecycles} lifecycles are open under ${before}; keep it until they have stopped`,
  ];
}

/** Afterwards the database has the accounts of the configuration. */
export async function assertProvidersKeepTheirMachines(db: Db, config: Config): Promise<void> {
  refuse(machineProblems(config, await liveWorkersByProvider(db), await providerAccounts(db)));
  await recordProviderAccounts(
    db,
    Object.entries(config.providers).map(([providerId, provider]) => ({ providerId, account: accountOf(provider) })),
  );
}

/**
 * A provider that vanished from the configuration could neither scan its machines nor delete them; one that came to
 * mean another account would take them for gone.
 */
export function machineProblems(
  config: Pick<Config, 'providers'>,
  liveWorkers: readonly { readonly providerId: string; readonly workers: number }[],
  accounts: ReadonlyMap<string, string>,
): string[] {
  return liveWorkers.flatMap(({ providerId, workers }) => {
    const provider = config.providers[providerId];
    const alive = `providers.${providerId}: ${workers} workers of it are alive`;
    if (!provider) return [`${alive}; keep it, with draining: true, until they have stopped`];
    const before = accounts.get(providerId);
    const now = accountOf(provider);
    if (before === undefined || before === now) return [];
    return [
      `${alive} in ${before}, and it now means ${now ?? 'no cloud'}; change it back, with draining: true, until they have stopped, or give the new one another id`,
    ];
  });
}

/**
 * Pools whose definition was accepted once and would be refused today: a rule came in, or what the definition relies on
 * has gone. Their launches are bound to fail. Pools of providers that are not configured here are left out.
 */
export function unusablePools(
  pools: readonly PoolWithLaunchConfigs[],
  providers: Providers,
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
