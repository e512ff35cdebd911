import { createServer } from 'node:net';
import { DefaultLogger, type LogLevel, type LogMetadata, Runtime, type RuntimeOptions } from '@temporalio/worker';
import type { Logger } from 'pino';

const PORTS_TRIED = 5;
/** What the SDK says of each attempt and each run. */
const FAILED: readonly string[] = ['Activity failed', 'Workflow failed'];

export interface TemporalRuntime {
  /** Where it gives its figures. */
  readonly metricsUrl: string;
  shutdown(): Promise<void>;
}

/**
 * The runtime of this process's Temporal workers: its messages go to our log, its figures to a port of its own on
 * loopback, from where our metrics page takes them. Once per process, before they connect. While `isHeld`, what fails
 * has one cause that was said already: its lines are for debugging.
 */
export async function installRuntime(log: Logger, isHeld: () => boolean): Promise<TemporalRuntime> {
  const levels: Record<LogLevel, 'trace' | 'debug' | 'info' | 'warn' | 'error'> = {
    TRACE: 'trace',
    DEBUG: 'debug',
    INFO: 'debug',
    WARN: 'warn',
    ERROR: 'error',
  };
  const port = await onFreePort((bindAddress) => ({
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      const isSaid = FAILED.includes(message) && isHeld();
      log[isSaid ? 'debug' : levels[level]](inWords(meta), message);
    }),
    telemetryOptions: {
      logging: { filter: { core: 'WARN', other: 'WARN' }, forward: {} },
      metrics: { prometheus: { bindAddress, countersTotalSuffix: true, unitSuffix: true } },
    },
    // Every process handles its own signals (cli/serve.ts).
    shutdownSignals: [],
  }));
  return { metricsUrl: `http://127.0.0.1:${port}/metrics`, shutdown: () => Runtime.instance().shutdown() };
}

/**
 * Installs the runtime and tells its port. The runtime takes a port by its number only, and does not say which one it
 * got for 0; whoever else takes the free one first makes it fail, and then the next one is tried.
 */
async function onFreePort(optionsOf: (bindAddress: string) => RuntimeOptions): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      Runtime.install(optionsOf(`127.0.0.1:${port}`));
      return port;
    } catch (error) {
      if (attempt === PORTS_TRIED || !String(error).includes('Address already in use')) throw error;
    }
  }
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
