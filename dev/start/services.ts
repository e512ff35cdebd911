import { join } from 'node:path';
import { projectRoot } from '#scripts/node.mjs';
import { searchAttributeNames } from '../../temporal/search-attributes.js';
import { REGIONS, writeConfig } from './config-file.js';
import { answersOk } from './http.js';
import {
  addressesOf,
  choosePorts,
  ensureIssuerToken,
  files,
  type Ports,
  type Running,
  writeJsonFile,
} from './state.js';
import { serveEnvironment } from './serve-environment.js';
import type { StopSignal } from './stop-signal.js';
import { keepLogSmall, Supervised } from './supervised.js';
import { KeptDevServer } from './temporal.js';
import { findTemporalCli } from '../servers/temporal-cli.js';

export interface Service {
  stop(): Promise<void>;
  kill(): void;
}

/** More than the worker manager's own `shutdownGraceSeconds`. */
const WORKER_MANAGER_GRACE_MS = 20_000;
const SIMULATOR_GRACE_MS = 10_000;

/**
 * Starts Temporal, the simulator and the worker manager, each when the one before answers, and adds them to `services`
 * in this order. @throws Stopped, or an Error that says what did not start and why
 */
export async function startServices(
  services: Service[],
  stop: StopSignal,
  say: (line: string) => void,
): Promise<Running> {
  const { ports, moved } = await choosePorts(files.ports);
  if (moved.length > 0) say(`Other ports than last time, because they are taken: ${moved.join(', ')}`);
  const running = addressesOf(ports);
  writeJsonFile(files.running, running);

  const cli = await stop.orStop(findTemporalCli(say));
  say(`Starting Temporal (${cli.how})`);
  const temporal = temporalServer(cli.path, ports, say);
  services.push(temporal);
  await stop.orStop(temporal.start());

  say('Starting the simulated cloud, queue and machines');
  const simulator = simulatorProcess(ports, running, say);
  services.push(simulator);
  await stop.orStop(simulator.start());

  say('Starting the worker manager');
  ensureIssuerToken();
  await stop.orStop(writeConfig(ports, running));
  const workerManager = workerManagerProcess(running, say);
  services.push(workerManager);
  await stop.orStop(workerManager.start());
  return running;
}

const temporalServer = (cli: string, ports: Ports, say: (line: string) => void): KeptDevServer =>
  new KeptDevServer(
    {
      cli,
      dbFile: files.temporalDb,
      port: ports.temporal,
      uiPort: ports.temporalUi,
      namespace: 'default',
      searchAttributes: searchAttributeNames,
      logFile: files.log('temporal'),
      detached: true,
    },
    say,
  );

function simulatorProcess(ports: Ports, { simulatorUrl, apiUrl }: Running, say: (line: string) => void): Supervised {
  keepLogSmall(files.simulatorLog);
  const options = {
    '--port': ports.simulator,
    '--state-dir': files.simulator,
    '--log': files.simulatorLog,
    '--api': apiUrl,
    '--regions': REGIONS.join(','),
    '--latency-ms': 60,
  };
  return new Supervised({
    name: 'The simulator',
    args: [join(projectRoot, 'dist', 'simulator', 'main.js'), ...Object.entries(options).flat().map(String)],
    logFile: files.log('simulator'),
    pidFile: files.simulatorPid,
    graceMs: SIMULATOR_GRACE_MS,
    isReady: () => answersOk(`${simulatorUrl}/simulator/state`),
    say,
  });
}

const workerManagerProcess = ({ apiUrl, temporalUiUrl }: Running, say: (line: string) => void): Supervised =>
  new Supervised({
    name: 'The worker manager',
    args: [join(projectRoot, 'bin', 'worker-manager'), 'serve', '--role', 'all', '--config', files.config],
    env: { ...serveEnvironment, WORKER_MANAGER_TEMPORAL_UI_URL: temporalUiUrl },
    logFile: files.log('worker-manager'),
    pidFile: files.workerManagerPid,
    graceMs: WORKER_MANAGER_GRACE_MS,
    isReady: () => answersOk(`${apiUrl}/api/worker-manager/v1/ping`),
    say,
  });
