import { execFile } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { eventually } from '../../../dev/testing/eventually.js';
import { SYSTEM_TIMEOUT_MS } from '../../../dev/testing/patience.js';
import { ProductProcess } from '../../../dev/testing/product.js';
import { startSystem, type System } from '../../../dev/testing/system.js';
import { providerTypes } from '../../../providers/configured.js';
import { callClasses } from '../../../providers/rate-limit.js';
import { cloudTaskQueue } from '../../../temporal/names.js';
import { contextFiles } from '../../support/image.js';
import { proofSize } from '../../support/long.js';

jest.setTimeout(SYSTEM_TIMEOUT_MS);

/** Type-checked with all tests; its imports are right in a folder of the providers too. */
const TOY = readFileSync('test/support/toy-cloud.ts', 'utf8');
const REGISTRY_LINE = "export { toy } from './toy/index.js';\n";

let copy: string;
let system: System;

beforeAll(async () => {
  copy = mkdtempSync(join(tmpdir(), 'worker-manager-copy-'));
  for (const file of contextFiles()) cpSync(file, join(copy, file), { preserveTimestamps: true });
  mkdirSync(join(copy, 'providers/toy'));
  writeFileSync(join(copy, 'providers/toy/index.ts'), TOY);
  appendFileSync(join(copy, 'providers/registry.ts'), REGISTRY_LINE);
  // No cloud is in the workflows: their bundle is as old as their sources, and is not made again.
  cpSync('dist', join(copy, 'dist'), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(process.cwd(), 'node_modules'), join(copy, 'node_modules'));
  await proofSize({ short: compileNew, long: build })();

  const providers = async () => ({ shelf: { providerType: 'toy', shelf: 'low' } });
  system = await startSystem({ providers, roles: 'all', start: false });
});
afterAll(async () => {
  await system?.stop();
  rmSync(copy, { recursive: true, force: true });
});

/** What is new alone, and without its types. */
async function compileNew(): Promise<void> {
  mkdirSync(join(copy, 'dist/providers/toy'));
  writeFileSync(join(copy, 'dist/providers/toy/index.js'), stripTypeScriptTypes(TOY));
  appendFileSync(join(copy, 'dist/providers/registry.js'), `\n${REGISTRY_LINE}`);
}

async function build(): Promise<void> {
  const environment = { ...process.env, NODE_OPTIONS: '' };
  await promisify(execFile)(process.execPath, ['scripts/build.mjs'], { cwd: copy, env: environment });
}

const run = (name: string, ...args: string[]) =>
  new ProductProcess(args, join(system.folder, `${name}.log`), {}, [join(copy, 'bin/worker-manager')]);

let checks = 0;
async function checkConfig(changes: object = {}) {
  const name = `check-${(checks += 1)}`;
  const config = system.writeConfig({ providers: { shelf: changes } }, `${name}.json`);
  const process = run(name, 'check-config', '--config', config);
  const { code } = await process.ended;
  return { code, lines: process.output().trim().split('\n') };
}

describe('a cloud that is a folder of its own and one line of the registry', () => {
  test.each([
    [{ shelf: 5 }, 'shelf: must be string'],
    [{ size: 5 }, 'size: unknown key; there are providerType, shelf'],
    [{ shelf: 'top' }, 'shelf: is out of reach'],
    [{ providerType: 'tyo' }, `providerType: must be one of ${[...Object.keys(providerTypes), 'toy'].join(', ')}`],
  ])('a new cloud refuses %j in its configuration by its own schema and check', async (changes, problem) => {
    const { code, lines } = await checkConfig(changes);
    expect([code, lines]).toEqual([1, [`worker-manager: providers.shelf.${problem}`]]);
  });

  test('check-config reaches a new cloud', async () => {
    const { code, lines } = await checkConfig();
    expect([code, lines.at(-1)]).toEqual([0, 'ok       providers.shelf']);
  });

  test('a new cloud has its pools served over the API, and task queues of its own that are polled', async () => {
    const product = run('serve', 'serve', '--config', system.configFile);
    try {
      await product.serves();
      const { body } = await system.api.call('GET', '/providers');
      expect(body).toMatchObject({ providers: [{ providerId: 'shelf', providerType: 'toy' }] });

      const definition = { providerId: 'shelf', description: '', owner: 'owner@example.com', emailOnError: false };
      const put = (launchConfig: object) =>
        system.api.call('PUT', '/worker-pool/lab%2Ftoys', {
          ...definition,
          config: { minCapacity: 0, maxCapacity: 1, launchConfigs: [launchConfig] },
        });
      const refused = await put({});
      expect([refused.status, refused.body.message]).toEqual([400, expect.stringContaining("'colour'")]);
      expect((await put({ colour: 'red' })).status).toBe(200);

      for (const callClass of callClasses) {
        const queue = cloudTaskQueue('worker-manager', 'shelf', callClass);
        await eventually(async () => (await pollers(queue)) > 0, { what: `a poller of ${queue}` });
      }
    } finally {
      await product.stop();
    }
  });
});

async function pollers(name: string): Promise<number> {
  const answer = await system.temporal.workflowService.describeTaskQueue({
    namespace: system.namespace,
    taskQueue: { name },
    taskQueueType: 2,
  });
  return answer.pollers?.length ?? 0;
}
