import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runProgram } from '../../../../dev/servers/tool-cache.js';
import { startTestApi, type TestApi } from '../../../support/api.js';
import { type DeploymentOnPort80, startDeploymentOnPort80 } from '../../../support/deployment-on-port-80.js';
import { isLong } from '../../../support/long.js';
import { virtualEnvironment } from '../../../support/python-server.js';
import { providerOf, realProviders } from '../../../support/real-providers.js';
import { describeRealData, type RealPool, sharedText } from '../../../support/shared-data.js';

const VERSION = '6.0.0';
const admin = { clientId: 'admin', accessToken: 'access-token-of-the-admin!' };

/** The tool that operators keep their pools with. It takes half a minute to install. */
(isLong ? describeRealData : describe.skip)('tc-admin', () => {
  let api: TestApi;
  let deployment: DeploymentOnPort80;
  let program: string;
  const folder = mkdtempSync(join(tmpdir(), 'tc-admin-'));
  beforeAll(async () => {
    const venv = await virtualEnvironment(`tc-admin-${VERSION}`, `tc-admin==${VERSION}`, 'installed');
    program = join(venv, 'bin', 'tc-admin');
    const clients = [{ ...admin, scopes: ['worker-manager:*'] }];
    api = await startTestApi({ auth: { type: 'static', clients } }, { providers: await realProviders() });
    deployment = await startDeploymentOnPort80(await api.app.listen({ host: '127.0.0.1', port: 0 }));
  });
  afterAll(async () => {
    await deployment?.close();
    await api?.close();
    rmSync(folder, { recursive: true });
  });

  const tcAdmin = (...args: string[]): Promise<string> =>
    runProgram(program, args, {
      env: {
        ...process.env,
        TC_ADMIN_PY: 'test/support/python/tc-admin.py',
        POOLS_FILE: join(folder, 'pools.json'),
        TASKCLUSTER_ROOT_URL: deployment.rootUrl,
        TASKCLUSTER_CLIENT_ID: admin.clientId,
        TASKCLUSTER_ACCESS_TOKEN: admin.accessToken,
      },
    });
  const write = (pools: readonly RealPool[]) => writeFileSync(join(folder, 'pools.json'), JSON.stringify(pools));
  /** What it changed, without what it read. */
  const apply = async (): Promise<string[]> => {
    deployment.calls.length = 0;
    await tcAdmin('apply');
    return deployment.calls.filter((call) => !call.startsWith('GET ')).sort();
  };
  const change = (method: string, ...pools: readonly RealPool[]): string[] =>
    pools
      .map(({ workerPoolId: id }) => `${method} /api/worker-manager/v1/worker-pool/${encodeURIComponent(id)}`)
      .sort();

  test('tc-admin applies real pools, finds no difference afterwards, and then changes only what has changed', async () => {
    const given = JSON.parse(sharedText('community-tc-worker-pools.json')) as RealPool[];
    const pools = given.map((pool) => ({ ...pool, providerId: providerOf(pool) }));
    write(pools);
    expect(await apply()).toEqual(change('PUT', ...pools));
    expect(await tcAdmin('diff')).toBe('');
    expect(await apply()).toEqual([]);

    const [first, second, ...rest] = pools as [RealPool, RealPool, ...RealPool[]];
    const wider = { ...first, config: { ...first.config, maxCapacity: 977 } };
    write([wider, ...rest]);
    expect(await apply()).toEqual([...change('DELETE', second), ...change('POST', wider)]);
    expect(await tcAdmin('diff')).toBe('');

    // A pool that is on its way out exists still: the tool's PUT is refused, and it updates the pool.
    write(pools);
    expect(await apply()).toEqual([...change('POST', first, second), ...change('PUT', second)]);
    expect(await tcAdmin('diff')).toBe('');
  });
});
