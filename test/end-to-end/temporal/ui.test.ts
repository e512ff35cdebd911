import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { cronScheduleId, lifecycleId } from '../../../temporal/ids.js';
import type { DevServer } from '../../../dev/servers/dev-server.js';
import { workflowTypes } from '../../../temporal/names.js';
import { awsPool, type WorkerResponse } from '../../../dev/testing/api-client.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { PATIENCE_MS, SYSTEM_TIMEOUT_MS } from '../../../dev/testing/patience.js';
import { startSystem, type System } from '../../../dev/testing/system.js';
import { startTemporalServer } from '../../../dev/testing/temporal-server.js';
import { startChromium } from '../../../dev/testing/chromium.js';

const WORKER_POOL = 'web/browser-tests';

jest.setTimeout(SYSTEM_TIMEOUT_MS);

let server: DevServer;
let system: System;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  server = await startTemporalServer({ ui: true });
  system = await startSystem({
    temporal: server.address,
    database: 'pglite',
    roles: 'all',
    // Machines stay until they are removed.
    simulator: { idleMs: 600_000, taskMs: 600_000 },
    // The pool's cron soon has a run to show.
    config: { intervals: { provisionSeconds: 5 } },
  });
  browser = await startChromium();
  page = await browser.newPage({ viewport: { width: 1600, height: 900 } });
});
afterAll(async () => {
  await browser?.close();
  await system?.stop();
  await server?.stop();
});

const urlOf = (path: string) => `${server.uiUrl}/namespaces/${system.namespace}/${path}`;

/** With its frames: the UI shows Markdown in one. */
async function pageText(): Promise<string> {
  const texts = await Promise.all(
    page.frames().map((frame) =>
      frame
        .locator('body')
        .innerText({ timeout: 2_000 })
        .catch(() => ''),
    ),
  );
  return texts.join('\n');
}

/** Opens a page of the UI, again and again until its text holds all of these. */
async function shows(path: string, texts: readonly string[]): Promise<string> {
  let text = '';
  try {
    await eventually(
      async () => {
        await page.goto(urlOf(path));
        const until = Date.now() + 5_000;
        while (Date.now() < until) {
          text = await pageText();
          if (texts.every((each) => text.includes(each))) return true;
          await page.waitForTimeout(200);
        }
        return false;
      },
      { withinMs: PATIENCE_MS, what: `the page ${path}` },
    );
  } catch (error) {
    throw new Error(`${path} lacks ${texts.filter((each) => !text.includes(each)).join(', ')}; it shows:\n${text}`, {
      cause: error,
    });
  }
  return text;
}

/** Only where the environment says so: a test run must leave the checkout as it is. */
async function picture(name: string): Promise<void> {
  if (process.env['UPDATE_PICTURES'] === '1') await page.screenshot({ path: `docs/images/${name}.png` });
}

test('the Temporal UI shows a lifecycle as it is and after its end, lists it by pool and state, and shows the pool’s Schedule', async () => {
  await system.api.createPool(WORKER_POOL, awsPool({ maxCapacity: 3 }));
  await system.simulator.addTasks(WORKER_POOL, 3);
  await system.waitFor(async () => (await system.api.counts(WORKER_POOL)).running === 3, 'three running workers');
  const worker = (await system.api.workers(WORKER_POOL, 'running'))[0] as WorkerResponse;
  const handle = system.temporal.workflow.getHandle(lifecycleId(worker));
  const { runId } = await handle.describe();
  // The UI's tab "User Metadata": what the lifecycle says of itself in words.
  const lifecycle = `workflows/${encodeURIComponent(handle.workflowId)}/${runId}/user-metadata`;
  const { deadline } = await handle.query<{ deadline: number }>('status');

  await shows(lifecycle, [WORKER_POOL, worker.workerId, 'running', new Date(deadline).toISOString()]);
  await picture('lifecycle-running');

  const query = `WorkflowType="${workflowTypes.workerLifecycle}" AND WorkerPoolId="${WORKER_POOL}" AND WorkerState=`;
  const list = (state: string) => `workflows?query=${encodeURIComponent(`${query}"${state}"`)}`;
  await shows(list('running'), [handle.workflowId]);
  await picture('lifecycles');

  const cron = cronScheduleId(WORKER_POOL);
  await shows(`schedules/${encodeURIComponent(cron)}`, [cron, workflowTypes.poolCron, `${cron}-`]);
  await picture('schedule');

  await system.api.removeWorker(worker);
  await handle.result();
  expect(await shows(lifecycle, [WORKER_POOL, 'Completed', 'stopped'])).not.toContain('running');
  await picture('lifecycle-stopped');
  await shows(list('stopped'), [handle.workflowId]);

  // The words come from a living Temporal worker; the state is there without one.
  await system.sigterm('all');
  await shows(lifecycle.replace('user-metadata', 'search-attributes'), [WORKER_POOL, 'WorkerState', 'stopped']);
});

test('the pictures of the documentation exist', () => {
  for (const name of ['lifecycle-running', 'lifecycle-stopped', 'lifecycles', 'schedule']) {
    const path = `docs/images/${name}.png`;
    expect([path, existsSync(path)]).toEqual([path, true]);
    expect(readFileSync(path).byteLength).toBeLessThan(300_000);
  }
});
