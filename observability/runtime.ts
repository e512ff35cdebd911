import { createServer } from 'node:net';
import { DefaultLogger, type LogLevel, type LogMetadata, Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';

export interface TemporalRuntime {
  /** Where it gives its figures. */
  readonly metricsUrl: string;
  shutdown(): Promise<void>;
}

/**
 * The runtime of this process's Temporal workers: its messages go to our log, its figures to a port of its own on
 * loopback, from where our metrics page takes them. Once per process, before they connect.
 */
export async function installRuntime(log: Logger): Promise<TemporalRuntime> {
  const port = await freePort();
  const levels: Record<LogLevel, 'trace' | 'debug' | 'info' | 'warn' | 'error'> = {
    TRACE: 'trace',
    DEBUG: 'debug',
    INFO: 'debug',
    WARN: 'warn',
    ERROR: 'error',
  };
  Runtime.install({
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => log[levels[level]](inWords(meta), message)),
    telemetryOptions: {
      logging: { filter: { core: 'WARN', other: 'WARN' }, forward: {} },
      metrics: { prometheus: { bindAddress: `127.0.0.1:${port}`, countersTotalSuffix: true, unitSuffix: true } },
    },
    // Every process handles its own signals (cli/serve.ts).
    shutdownSignals: [],
  });
  return { metricsUrl: `http://127.0.0.1:${port}/metrics`, shutdown: () => Runtime.instance().shutdown() };
}

/** JSON has no form for an Error. What an activity or a workflow failed of is the one thing that its line must say. */
function inWords(meta: LogMetadata = {}): LogMetadata {
  const { error } = meta;
  return error instanceof Error ? { ...meta, error: error.stack ?? error.message } : { ...meta };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
