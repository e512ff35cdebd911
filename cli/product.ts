import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { taskclusterDemand } from '../activities/demand/taskcluster-queue.js';
import { taskclusterMail } from '../activities/mail/send-mail.js';
import { scannedProviders } from '../activities/scan/scan.js';
import { AttemptLog } from '../activities/support/attempt-log.js';
import type { ActivityDeps } from '../activities/support/deps.js';
import { lifecycleInputLoader } from '../activities/worker/lifecycle-input-loader.js';
import type { Config } from '../config/schema.js';
import { settingsOf } from '../config/settings.js';
import type { ProviderHealth } from '../domain/provider-health.js';
import { type Database, recordTaskQueuePrefix } from '../database/client/open.js';
import { recordedMetrics } from '../database/metric-facts.js';
import { allPools, listPoolIds } from '../database/pools.js';
import { outboxState } from '../database/outbox.js';
import { bucketStore } from '../database/rate-limits.js';
import { type Checks, Health } from '../observability/health.js';
import { logEvent } from '../observability/log-events.js';
import { Metrics, type RecordedMetrics } from '../observability/metrics.js';
import { MetricsServer } from '../observability/metrics-server.js';
import { providerContext } from '../providers/context.js';
import { budgetsOf, buildProviders, type Providers } from '../providers/configured.js';
import type { ProviderContext } from '../providers/provider.js';
import { noteCall } from '../providers/shared/attempts.js';
import { sharedLimiter } from '../providers/shared/rate-limiter.js';
import { pingTemporal, temporalTarget } from '../temporal/connection.js';
import { reconcileSchedules } from '../temporal/reconcile-schedules.js';
import type { ScheduleContext } from '../temporal/schedules.js';
import { temporalLifecycleClient } from '../temporal/temporal-lifecycle-client.js';
import { ReconcileTriggers } from '../temporal/triggers.js';
import { createPulse } from '../workers/pulse/pulse.js';
import type { Workers } from '../workers/workers.js';
import {
  assertNamespaceIsOurs,
  assertPrefixIsFree,
  assertProvidersKeepTheirMachines,
  unusablePools,
} from './checks.js';
import { onceAnswered, connectTemporal, connectTemporalForWorkers } from './connect.js';
import { EXIT, ExitError } from './exit.js';
import { packageVersion } from './version.js';

export type Role = 'all' | 'api' | 'worker';

/** What is there before any part is built, and outlives them all. */
export interface Foundation {
  readonly log: Logger;
  readonly database: Database;
  /** Where the process's Temporal workers give their metrics; null in one that runs none. */
  readonly temporalMetricsUrl: string | null;
}

/** One process's part of the product. */
export interface Product {
  /** Without one of these it is of no use. */
  readonly needed: Checks;
  readonly deploymentId: string;
  /** Opens its ports. */
  listen(): Promise<void>;
  /**
   * Polls; resolves with what it failed with, or with undefined once it has stopped. Null in a role that polls nothing.
   */
  run(): Promise<unknown> | null;
  /** What is to be stopped, in this order. */
  readonly parts: readonly { stop(): unknown }[];
}

/** Refuses what a process of this role must not serve, and builds its parts. Nothing polls or listens yet. */
export async function buildProduct(config: Config, role: Role, foundation: Foundation): Promise<Product> {
  const { database, log, temporalMetricsUrl } = foundation;
  const metrics = new Metrics(() => metricsOfDatabase(config, database));
  const client = await reachOurTemporal(config, database);
  const { providers, attempts, stopHealthChecks } = await startProviders(config, foundation, metrics);
  const { taskQueuePrefix } = config.temporal;
  const deps: ActivityDeps = {
    ...{ config, database, providers, client, log, attempts },
    triggers: new ReconcileTriggers(client, taskQueuePrefix, log),
    demand: taskclusterDemand(config, metrics.onQueueAnswer),
    mail: taskclusterMail(config),
    metrics: metrics.taskcluster,
  };
  const { deploymentId } = database.deployment;
  const schedules: ScheduleContext = { client, deploymentId, taskQueuePrefix, intervals: config.intervals };
  const workers = role === 'api' ? null : await buildWorkers(deps);
  const needed = {
    database: () => database.ping(),
    temporal: () => pingTemporal(client),
  };
  const health = new Health({ ...needed, ...(workers && { pollers: async () => workers.check() }) }, Date.now);
  const server = role === 'worker' ? null : await buildServer(deps, metrics, schedules, health);
  const metricsServer = new MetricsServer({ metrics, health, temporalUrl: temporalMetricsUrl });
  const pulse = role === 'api' ? null : createPulse(deps, metrics);
  let running: Promise<unknown> | null = null;

  return {
    needed,
    deploymentId,
    async listen() {
      await atItsPort('metrics', config.metrics, () => metricsServer.listen(config.metrics));
      if (!server) return;
      const { host, port } = config.server;
      const address = await atItsPort('server', config.server, () => server.listen({ host, port }));
      logEvent(log, 'listening', { address });
    },
    run() {
      pulse?.start();
      if (!workers) return null;
      running = failureOf(workers.run());
      // Polling does not wait for them: their number grows with the pools. Without them nothing would ever be polled
      // for, so that what keeps them from being read ends the process.
      const matched = failureOf(matchSchedules(deps, schedules));
      return Promise.race([running, matched.then((failure) => failure ?? running)]);
    },
    parts: [
      { stop: () => workers?.shutdown() },
      { stop: () => server?.close() },
      // What they were doing; a call that hangs ends with the process.
      { stop: () => running },
      { stop: () => attempts.settled() },
      // Their last changes are announced by the next process.
      { stop: () => pulse?.stop() },
      { stop: stopHealthChecks },
      { stop: () => metricsServer.close() },
      { stop: () => client.connection.close() },
    ],
  };
}

async function metricsOfDatabase({ pulse }: Config, { db }: Database): Promise<RecordedMetrics> {
  const nowMs = Date.now();
  return { ...(await recordedMetrics(db, nowMs)), ...(pulse && { outbox: await outboxState(db, nowMs) }) };
}

/** Temporal, and a database and a configuration that belong to what is there. */
async function reachOurTemporal(config: Config, { db, deployment }: Database): Promise<Client> {
  const { taskQueuePrefix } = config.temporal;
  const client = await connectTemporal(temporalTarget(config.temporal));
  await assertNamespaceIsOurs(client, deployment.deploymentId);
  await assertPrefixIsFree(client, deployment, taskQueuePrefix);
  await recordTaskQueuePrefix(db, taskQueuePrefix);
  await assertProvidersKeepTheirMachines(db, config);
  return client;
}

async function startProviders(
  config: Config,
  { database, log }: Foundation,
  metrics: Metrics,
): Promise<{ providers: Providers; attempts: AttemptLog; stopHealthChecks: () => void }> {
  const { db, deployment } = database;
  const limiter = sharedLimiter(bucketStore(db), budgetsOf(config.providers));
  const attempts = new AttemptLog(db, log);
  // A call of a provider tells of it, and there is none before all are built.
  let suspended: Providers['suspended'] = () => {};
  const providers = await buildProviders(config.providers, (providerId) => {
    const onCall = onCallOf(config, providerId, metrics, attempts);
    return providerContext(providerId, {
      rootUrl: config.rootUrl,
      deployment,
      limiter,
      onCall(call, outcome) {
        onCall(call, outcome);
        if (outcome.suspended !== undefined) suspended(providerId, outcome.suspended);
      },
    });
  });
  suspended = (providerId, message) => providers.suspended(providerId, message);
  metrics.watchProviders(providers);
  for (const pool of unusablePools(await allPools(db), providers)) logEvent(log, 'worker-pool-unusable', pool);
  const stopHealthChecks = providers.startHealthChecks({
    onChange: (providerId, health) => logEvent(log, 'provider-health', { providerId, ...logged(health) }),
  });
  return { providers, attempts, stopHealthChecks };
}

const logged = ({ since, ...health }: ProviderHealth) => ({
  ...health,
  since: since === null ? null : new Date(since).toISOString(),
});

/** Calls to Azure count under Taskcluster's names too. */
function onCallOf(
  { providers }: Config,
  providerId: string,
  metrics: Metrics,
  attempts: AttemptLog,
): ProviderContext['onCall'] {
  const isAzure = providers[providerId]?.providerType === 'azure';
  return (call, outcome) => {
    metrics.onCloudCall(call, outcome);
    if (isAzure) metrics.taskcluster.onAzureCall(call, outcome);
    noteCall(call, outcome, attempts.write);
  };
}

// Each role loads what it runs: the Temporal workers take a second, the API half of that.

async function buildWorkers(deps: ActivityDeps): Promise<Workers> {
  const { createWorkers } = await import('../workers/workers.js');
  const target = temporalTarget(deps.config.temporal);
  const connection = await connectTemporalForWorkers(target);
  return await createWorkers({ connection, namespace: target.namespace, deps });
}

async function matchSchedules({ database, providers, log }: ActivityDeps, schedules: ScheduleContext): Promise<void> {
  const wanted = { workerPoolIds: () => listPoolIds(database.db), providerIds: scannedProviders(providers) };
  const failed = await onceAnswered(() => reconcileSchedules(schedules, wanted));
  // The sweep makes up for them.
  for (const { scheduleId, failure } of failed) logEvent(log, 'schedule-failed', { scheduleId, err: failure });
}

async function buildServer(deps: ActivityDeps, metrics: Metrics, schedules: ScheduleContext, health: Health) {
  const { createServer } = await import('../api/server.js');
  const { config, database, providers, client, triggers, log } = deps;
  const { requestReconcile } = triggers;
  return createServer({
    ...{ database, providers, config, log, health, metrics: metrics.taskcluster },
    // Connections of its own to the queue: whoever lists workers never stands in line before the polls.
    demand: taskclusterDemand(config, metrics.onQueueAnswer),
    now: Date.now,
    lifecycles: temporalLifecycleClient({
      client,
      loadInput: lifecycleInputLoader(deps),
      schedules,
      defaults: config.defaults,
      requestReconcile,
    }),
    version: version(),
    settings: settingsOf(config),
    temporalUiUrl: temporalUiUrl(process.env),
  });
}

const failureOf = (work: Promise<void>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

async function atItsPort<T>(
  section: string,
  { host, port }: { host: string; port: number },
  listen: () => Promise<T>,
): Promise<T> {
  try {
    return await listen();
  } catch (error) {
    const isInUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    throw isInUse ? new ExitError(EXIT.bad, `${section}.port: ${port} is in use on ${host}`) : error;
  }
}

/**
 * Where people find Temporal's UI, for the dashboard's link; no part of the configuration, because nothing depends on
 * it.
 */
function temporalUiUrl({ WORKER_MANAGER_TEMPORAL_UI_URL: url }: NodeJS.ProcessEnv): string | null {
  if (!url) return null;
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new ExitError(EXIT.bad, 'WORKER_MANAGER_TEMPORAL_UI_URL: an http or https URL is needed');
  }
  return url;
}

function version() {
  return {
    source: 'worker-manager',
    version: packageVersion(),
    commit: process.env.WORKER_MANAGER_COMMIT ?? '',
    build: process.env.WORKER_MANAGER_BUILD ?? '',
  };
}
