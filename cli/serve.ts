import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { isSaidByRefusals, WriteRefusals } from '../database/client/write-refusals.js';
import { createLog } from '../observability/log.js';
import { logEvent } from '../observability/log-events.js';
import { surviveRejections } from '../observability/rejections.js';
import type { TemporalRuntime } from '../observability/runtime.js';
import { connectDatabase } from './connect.js';
import { EXIT, ExitError } from './exit.js';
import { buildProduct, type Role } from './product.js';
import { type ProbeOptions, untilUnusable } from './until-unusable.js';

/**
 * Runs until a signal (SIGTERM, SIGINT) ends it, one of its parts fails, or, where it runs Temporal workers, what it
 * needs has been unusable for as many `probes` as that takes. An API by itself goes on answering 503: its connections
 * are made anew one by one.
 */
export async function serve(config: Config, role: Role, probes?: ProbeOptions): Promise<void> {
  if (role !== 'all' && config.database.url.startsWith('pglite:')) {
    throw new ExitError(
      EXIT.bad,
      `--role ${role}: PGlite belongs to one process; set database.url to a postgres:// URL`,
    );
  }
  const log = createLog(config.log, isSaidByRefusals);
  surviveRejections(log);
  const refusals = new WriteRefusals(log);
  const temporal = role === 'api' ? null : await temporalRuntime(log, () => refusals.why !== null);
  const stopping = stopSignal(log);
  const database = await connectDatabase(config, log, refusals);
  try {
    const product = await buildProduct(config, role, {
      log,
      database,
      temporalMetricsUrl: temporal?.metricsUrl ?? null,
    });
    await product.listen();
    const running = product.run();
    logEvent(log, 'serving', { role, deploymentId: product.deploymentId });
    const watching = new AbortController();
    const unusable = () =>
      untilUnusable(product.needed, watching.signal, probes).then((name) => unusableError(name, log));
    const failed = await Promise.race([stopping, ...(running ? [running, unusable()] : [])]);
    watching.abort();
    endsWithin(config.shutdownGraceSeconds, log, failed instanceof ExitError ? failed.code : EXIT.stopped);
    for (const part of product.parts) await part.stop();
    if (failed) throw failed;
  } finally {
    await database.close();
    await temporal?.shutdown();
  }
}

/** An API by itself runs no Temporal worker, and is spared what takes longest to load. */
async function temporalRuntime(log: Logger, isHeld: () => boolean): Promise<TemporalRuntime> {
  const { installRuntime } = await import('../observability/runtime.js');
  return await installRuntime(log, isHeld);
}

function unusableError(dependency: string | null, log: Logger): ExitError | undefined {
  if (dependency === null) return undefined;
  logEvent(log, 'dependency-unusable', { dependency });
  return new ExitError(EXIT.unreachable, `${dependency}: has not answered for minutes`);
}

/** npm passes a Ctrl-C on that the process has had already: two so close together are one. */
const SAME_SIGNAL_MS = 1000;

/**
 * A call that a cloud does not answer must not outlast the grace: whoever waits for this process kills it then. Nothing
 * is lost by that, since every step is repeated safely by the next process.
 */
function endsWithin(graceSeconds: number, log: Logger, code: number): void {
  const end = () => {
    logEvent(log, 'stopped-unfinished', { graceSeconds });
    process.exit(code);
  };
  setTimeout(end, graceSeconds * 1000).unref();
}

/**
 * Temporal's runtime takes the default handlers away, so every process has its own. A second signal ends it at once.
 */
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
