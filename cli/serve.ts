import { Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';
import { ReconcileTriggers } from '../temporal/triggers.js';
import { scannedProviders } from '../activities/scan/scan.js';
import { createServer } from '../api/server.js';
import type { Config } from '../config/schema.js';
import { taskclusterDemand } from '../activities/demand/taskcluster-queue.js';
import { createLog } from '../observability/log.js';
import { Health } from '../observability/health.js';
import { logEvent } from '../observability/log-events.js';
import { Metrics } from '../observability/metrics.js';
import { MetricsServer } from '../observability/metrics-server.js';
import { installRuntime } from '../observability/runtime.js';
import { type ProbeOptions, untilUnusable } from './until-unusable.js';
import { providerContext } from '../providers/context.js';
import { budgetsOf, buildProviders } from '../providers/providers.js';
import { sharedLimiter } from '../providers/shared/rate-limiter.js';
import { bucketStore } from '../database/rate-limits.js';
import { allPools, listPoolIds } from '../database/pools.js';
import { recordedMetrics } from '../database/metric-facts.js';
import { recordTaskQueuePrefix } from '../database/client/open.js';
import { lifecycleInputLoader } from '../activities/worker/lifecycle-input-loader.js';
import { temporalTarget } from '../temporal/connection.js';
import { reconcileSchedules } from '../temporal/reconcile-schedules.js';
import type { ScheduleContext } from '../temporal/schedules.js';
import { temporalLifecycleClient } from '../temporal/temporal-lifecycle-client.js';
import { createWorkers, type Workers } from '../workers/workers.js';
import {
  assertNamespaceIsOurs,
  assertPrefixIsFree,
  assertProvidersKeepTheirMachines,
  unusablePools,
} from './checks.js';
import { onceAnswered, connectDatabase, connectTemporal, connectTemporalForWorkers } from './connect.js';
import { EXIT, ExitError } from './exit.js';
import { packageVersion } from './version.js';

export type Role = 'all' | 'api' | 'worker';

/**
 * Runs until it is told to stop (SIGTERM, SIGINT), one of its parts fails, or, where it runs Temporal workers, what it needs
 * has been unusable for as many `probes` as that takes. An API by itself goes on answering 503: its connections are made
 * anew one by one.
 */
export async function serve(config: Config, role: Role, probes?: ProbeOptions): Promise<void> {
  if (role !== 'all' && config.database.url.startsWith('pglite:')) {
    throw new ExitError(
      EXIT.bad,
      `--role ${role}: PGlite belongs to one process; set database.url to a postgres:// URL`,
    );
  }
  const log = createLog(config.log);
  const temporalMetricsUrl = await installRuntime(log);
  const stopping = stopSignal(log);

  const database = await connectDatabase(config, log);
  const metrics = new Metrics(() => recordedMetrics(database.db, Date.now()));
  try {
    const target = temporalTarget(config.temporal);
    const client = await connectTemporal(target);
    await assertNamespaceIsOurs(client, database.deployment.deploymentId);
    await assertPrefixIsFree(client, database.deployment, config.temporal.taskQueuePrefix);
    await recordTaskQueuePrefix(database.db, config.temporal.taskQueuePrefix);
    await assertProvidersKeepTheirMachines(database.db, config);

    const { deployment } = database;
    const limiter = sharedLimiter(bucketStore(database.db), budgetsOf(config.providers));
    const providers = await buildProviders(config.providers, (providerId) =>
      providerContext(providerId, { rootUrl: config.rootUrl, deployment, limiter, onCall: metrics.onCloudCall }),
    );
    for (const pool of unusablePools(await allPools(database.db), providers))
      logEvent(log, 'worker-pool-unusable', pool);
    const stopHealthChecks = providers.startHealthChecks({
      onChange: (providerId, health) => logEvent(log, 'provider-health', { providerId, ...health }),
    });
    const schedules: ScheduleContext = {
      client,
      deploymentId: database.deployment.deploymentId,
      taskQueuePrefix: config.temporal.taskQueuePrefix,
      intervals: config.intervals,
    };
    const triggers = new ReconcileTriggers(client, config.temporal.taskQueuePrefix, log);
    const demand = taskclusterDemand(config, metrics.onQueueAnswer);
    let workers: Workers | null = null;

    if (role !== 'api') {
      const wanted = { workerPoolIds: () => listPoolIds(database.db), providerIds: scannedProviders(providers) };
      const failed = await onceAnswered(() => reconcileSchedules(schedules, wanted));
      // The sweep makes up for them.
      for (const { scheduleId, failure } of failed) logEvent(log, 'schedule-failed', { scheduleId, err: failure });
      workers = await createWorkers({
        connection: await connectTemporalForWorkers(target),
        namespace: target.namespace,
        deps: { config, database, providers, client, triggers, demand, log },
      });
    }
    const polling = workers;
    const needed = {
      database: () => database.ping(),
      temporal: async () => void (await client.connection.workflowService.getSystemInfo({})),
    };
    const health = new Health({ ...needed, ...(polling && { pollers: async () => polling.check() }) }, Date.now);
    const server =
      role === 'worker'
        ? null
        : await createServer({
            database,
            providers,
            demand,
            config,
            log,
            now: Date.now,
            lifecycles: temporalLifecycleClient({
              client,
              loadInput: lifecycleInputLoader({ database, providers, config }),
              schedules,
              defaults: config.defaults,
              requestReconcile: triggers.requestReconcile,
            }),
            health,
            version: version(),
            temporalUiUrl: temporalUiUrl(process.env),
          });
    const metricsServer = new MetricsServer({ metrics, health, temporalUrl: temporalMetricsUrl });
    await listenForMetrics(metricsServer, config);
    if (server) await listen(server, config, log);
    const running = workers?.run();
    logEvent(log, 'serving', { role, deploymentId: database.deployment.deploymentId });

    const failure = running?.then(
      () => undefined,
      (error: unknown) => error,
    );
    const watching = new AbortController();
    const unusable = workers && untilUnusable(needed, watching.signal, probes).then((name) => unusableError(name, log));
    const failed = await Promise.race([stopping, ...(failure ? [failure] : []), ...(unusable ? [unusable] : [])]);
    watching.abort();
    endsWithin(config.shutdownGraceSeconds, log, failed instanceof ExitError ? failed.code : EXIT.stopped);
    workers?.shutdown();
    await server?.close();
    await failure;
    stopHealthChecks();
    await metricsServer.close();
    await client.connection.close();
    if (failed) throw failed;
  } finally {
    await database.close();
    await Runtime.instance().shutdown();
  }
}

function unusableError(dependency: string | null, log: Logger): ExitError | undefined {
  if (dependency === null) return undefined;
  logEvent(log, 'dependency-unusable', { dependency });
  return new ExitError(EXIT.unreachable, `${dependency}: has not answered for minutes`);
}

async function listenForMetrics(metricsServer: MetricsServer, config: Config): Promise<void> {
  try {
    await metricsServer.listen(config.metrics);
  } catch (error) {
    throw portInUse(error, 'metrics', config.metrics);
  }
}

async function listen(server: Awaited<ReturnType<typeof createServer>>, config: Config, log: Logger): Promise<void> {
  const { host, port } = config.server;
  try {
    logEvent(log, 'listening', { address: await server.listen({ host, port }) });
  } catch (error) {
    throw portInUse(error, 'server', config.server);
  }
}

function portInUse(error: unknown, section: string, { host, port }: { host: string; port: number }): unknown {
  const inUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
  return inUse ? new ExitError(EXIT.bad, `${section}.port: ${port} is in use on ${host}`) : error;
}

/** npm passes a Ctrl-C on that the process has had already: two so close together are one. */
const SAME_SIGNAL_MS = 1000;

/**
 * A call that a cloud does not answer must not outlast the grace: whoever waits for this process kills it then. Nothing is
 * lost by that, since every step is repeated safely by the next process.
 */
function endsWithin(graceSeconds: number, log: Logger, code: number): void {
  const end = () => {
    logEvent(log, 'stopped-unfinished', { graceSeconds });
    process.exit(code);
  };
  setTimeout(end, graceSeconds * 1000).unref();
}

/** Temporal's runtime takes the default handlers away, so every process has its own. A second signal ends it at once. */
function stopSignal(log: Logger): Promise<undefined> {
  return new Promise((resolve) => {
    let signalledAtMs: number | null = null;
    const stop = (signal: NodeJS.Signals) => {
      const nowMs = performance.now();
      if (signalledAtMs !== null) {
        if (signal === 'SIGINT' && nowMs - signalledAtMs < SAME_SIGNAL_MS) return;
        process.exit(EXIT.stopped);
      }
      signalledAtMs = nowMs;
      logEvent(log, 'stopping', { signal });
      resolve(undefined);
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}

/** Where people find Temporal's UI, for the front page's link; no part of the configuration, because nothing depends on it. */
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
