import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { awsPool } from '../../dev/testing/api-client.js';
import { SYSTEM_TIMEOUT_MS } from '../../dev/testing/patience.js';
import { startSystem, type System } from '../../dev/testing/system.js';
import { ALL_POOLS, seriesOf } from '../../domain/demand-history.js';
import { HOUR_MS, startOf } from '../../domain/durations.js';
import { startChromium } from '../../dev/testing/chromium.js';
import { proofSize } from '../support/long.js';

const WORKER_POOL = 'web/browser-tests';
const HELD_POOL = 'web/held';
const MARKUP = '<img src="/none" onerror="document.title = 1"><b>bold</b>';
/** Its place among the cells behind a pool's name. */
const RUNNING = 4;
/** Entries of a page of the audit trail. */
const AUDIT_PAGE = 100;
const PHONE = { width: 390, height: 844 };
const DESK = { width: 1280, height: 800 };
const CHART_PICTURE_HEIGHT = 440;
/** In which a page says that it has lost the server, with what a loaded machine takes to draw it. */
const LOST_WITHIN_MS = 15_000;

/** How many colours of the first legend the first chart has pixels of: a canvas is nothing that axe sees. */
const DRAWN_COLOURS = `(() => {
  const [canvas, legend] = ['canvas', '.legend'].map((each) => document.querySelector('figure').querySelector(each));
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const drawn = new Set();
  for (let at = 0; at < data.length; at += 4) drawn.add('rgb(' + data.slice(at, at + 3).join(', ') + ')');
  return [...legend.querySelectorAll('i')].filter((each) => drawn.has(getComputedStyle(each).borderTopColor)).length;
})()`;

/** Only where the environment says so: a test run must leave the checkout as it is. */
const TAKES_PICTURES = process.env['UPDATE_PICTURES'] === '1';

const axe = readFileSync('node_modules/axe-core/axe.min.js', 'utf8');

jest.setTimeout(SYSTEM_TIMEOUT_MS);

let system: System;
let browser: Browser;
let page: Page;
/** Of the browser's console: errors, among them whatever the content security policy refuses. */
const complaints: string[] = [];

beforeAll(async () => {
  system = await startSystem({
    // A day is made up for the pictures, which takes a database that others reach.
    database: TAKES_PICTURES ? 'postgres' : 'pglite',
    roles: 'all',
    // Machines stay until they are removed.
    simulator: { idleMs: 600_000, taskMs: 600_000 },
  });
  await system.api.createPool(WORKER_POOL, { ...awsPool({ maxCapacity: 5 }), description: MARKUP });
  await system.api.createPool(HELD_POOL, awsPool());
  await system.api.holdPool(HELD_POOL, MARKUP);
  browser = await startChromium();
  page = await browser.newPage({ viewport: DESK });
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`${page.url()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`));
});
afterAll(async () => {
  await browser?.close();
  await system?.stop();
});

const poolPath = (workerPoolId: string) => `/pools/${encodeURIComponent(workerPoolId)}`;
const open = (path: string) => page.goto(`${system.api.url}${path}`);
const expectText = (text: string | RegExp) => page.getByText(text).first().waitFor();

async function picture(name: string, height = DESK.height / 2): Promise<void> {
  if (!TAKES_PICTURES) return;
  const clip = { x: 0, y: 0, width: DESK.width, height };
  await page.screenshot({ path: `docs/images/${name}.png`, clip });
}

/** Made up, as sweeps sum it up: in the minute that the tests take there is no line to be drawn. */
async function pictureOfDay(): Promise<void> {
  if (!TAKES_PICTURES) return;
  const begin = startOf(Date.now(), HOUR_MS) - 24 * HOUR_MS;
  const wanted = (span: number) => Math.max(0, Math.round(45 - 40 * Math.cos(span / 23) + 12 * Math.sin(span / 4)));
  const running = (span: number) => Math.min(80, wanted(span - 2));
  const figures = {
    pending: (span: number) => Math.max(0, wanted(span) - running(span)),
    claimed: (span: number) => Math.round(running(span) * 0.9),
    requested: (span: number) => Math.max(0, running(span + 1) - running(span)),
    running,
    stopping: (span: number) => Math.max(0, running(span - 1) - running(span)),
  };
  const hours = Array.from({ length: 24 }, (_, hour) => ({
    ...{ pool: ALL_POOLS, hour: begin + hour * HOUR_MS },
    series: seriesOf((figure) => Array.from({ length: 6 }, (_, span) => figures[figure](hour * 6 + span))),
  }));
  await system.query(
    `insert into demand_hours (worker_pool_id, hour, series)
     select pool, hour, series from jsonb_to_recordset($1) as h(pool text, hour bigint, series jsonb)`,
    [JSON.stringify(hours)],
  );
  await open('/charts');
  await page.getByRole('figure').first().locator('canvas').waitFor();
  await page.getByText('● live').waitFor();
  await picture('dashboard-charts', CHART_PICTURE_HEIGHT);
}

/** What axe finds, in light and in dark; and whether the page fits a phone. */
async function expectAccessible(): Promise<void> {
  // Not by a script of the page: its policy would refuse that.
  await page.evaluate(axe);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    const found = await page.evaluate<string[]>(
      `axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ' ' + html)))`,
    );
    expect([page.url(), colorScheme, found]).toEqual([page.url(), colorScheme, []]);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(PHONE);
  const width = await page.evaluate<number>('document.documentElement.scrollWidth');
  await page.setViewportSize(DESK);
  expect([page.url(), width]).toEqual([page.url(), PHONE.width]);
}

test('the overview shows each pool as it changes, in a browser that draws names and reasons as text', async () => {
  await open('/');
  const row = page.getByRole('row').filter({ hasText: WORKER_POOL });
  await row.waitFor();
  await system.simulator.addTasks(WORKER_POOL, 3);
  // Running, in its column, without anybody loading the page again.
  await row.locator('td').nth(RUNNING).filter({ hasText: /^3$/ }).waitFor();
  await system.waitFor(async () => (await system.api.counts(WORKER_POOL)).running === 3, 'three running workers');
  await page.getByText('● live').waitFor();
  await picture('dashboard-overview');
  await expectAccessible();

  // The filter stands in the address.
  await page.keyboard.press('/');
  await page.keyboard.type('held');
  await row.waitFor({ state: 'detached' });
  expect(new URL(page.url()).searchParams.get('q')).toBe('held');
});

test('a pool’s page shows its parts, and holds and releases it by the keyboard alone', async () => {
  await open(poolPath(WORKER_POOL));
  await page.getByRole('row').filter({ hasText: 'running' }).nth(2).waitFor();
  await picture('dashboard-pool');
  await expectAccessible();
  for (const [tab, text] of [
    ['configs', 'm5.large'],
    ['decisions', /requested \d+ machines/],
    ['errors', 'No errors are kept'],
    ['settings', MARKUP],
  ] as const) {
    await page.getByRole('link', { name: tab, exact: true }).press('Enter');
    await page.getByText(text).first().waitFor({ state: 'attached' });
    if (proofSize({ short: false, long: true })) await expectAccessible();
  }

  await page.getByRole('button', { name: 'Hold…' }).press('Enter');
  await page.getByLabel('Reason').focus();
  await page.keyboard.type(MARKUP);
  await page.keyboard.press('Enter');
  await expectText(`■ Held by anonymous`);
  await expectText(MARKUP);
  await page.getByRole('button', { name: 'Release…' }).press('Enter');
  await page.getByRole('button', { name: 'Release the pool' }).press('Enter');
  await page.getByText('■ Held by').waitFor({ state: 'detached' });
});

test('a page says why a queue gets no machine now, and at the changes that the arrow keys lead to', async () => {
  await open('/');
  await page.getByRole('row').filter({ hasText: HELD_POOL }).getByRole('link', { name: 'held', exact: true }).click();
  const held = page.locator('.sentence').filter({ hasText: 'anonymous held the pool at' });
  await held.filter({ hasText: MARKUP }).waitFor();
  await page.getByRole('figure').getByText('held').first().waitFor({ state: 'attached' });
  await expectAccessible();

  // The begin of the hold, and of what was before it: both stand in the address.
  await page.keyboard.press('ArrowLeft');
  await held.waitFor();
  await page.waitForURL(/at=/);
  const begin = new URL(page.url()).searchParams.get('at');
  await page.keyboard.press('ArrowLeft');
  await held.waitFor({ state: 'detached' });
  await page.keyboard.press('ArrowRight');
  await held.waitFor();
  expect(new URL(page.url()).searchParams.get('at')).toBe(begin);
  await page.getByRole('button', { name: 'Now' }).press('Enter');
  await page.waitForURL((url) => !url.searchParams.has('at'));
});

test('a worker is removed from its page, after it was asked for', async () => {
  await system.api.holdPool(WORKER_POOL, 'nothing is replaced');
  await open(poolPath(WORKER_POOL));
  await page.getByRole('rowheader').getByRole('link').first().click();
  await expectText('RunInstances');
  await expectAccessible();
  await page.getByRole('button', { name: 'Remove…' }).click();
  if (proofSize({ short: false, long: true })) await expectAccessible();
  await page.getByRole('button', { name: 'Remove the worker' }).click();
  await expectText(/^(stopping|stopped)$/);
});

test('a launch config has a page with its weight, its launches and its revisions', async () => {
  await open(`${poolPath(WORKER_POOL)}?tab=configs`);
  await page.getByRole('rowheader').getByRole('link').first().click();
  await page.getByRole('table', { name: 'Launches' }).getByRole('row').nth(1).waitFor();
  await page.getByRole('table', { name: 'candidates' }).waitFor();
  await expectText(/^Revision 1/);
  await expectAccessible();
});

test('a definition is edited with its changes and what they do in view, and what the API refuses is said', async () => {
  await open(`${poolPath(HELD_POOL)}/edit`);
  const editor = page.getByLabel('Definition, as JSON');
  const text = await editor.inputValue();
  await editor.fill(text.replace('"maxCapacity": 10', '"maxCapacity": "ten"'));
  await page.getByText('+     "maxCapacity": "ten"').first().waitFor();
  expect(await page.getByRole('button', { name: 'Save…' }).isDisabled()).toBe(true);
  await page.getByRole('button', { name: 'Dry run' }).click();
  await page.getByRole('alert').filter({ hasText: 'maxCapacity' }).waitFor();
  // A refused call is an error in the console too.
  complaints.splice(0, complaints.length, ...complaints.filter((each) => !each.includes('status of 400')));
  await editor.fill(text.replace('"maxCapacity": 10', '"maxCapacity": 11'));
  await page.getByRole('button', { name: 'Dry run' }).click();
  await page.getByRole('region', { name: 'Dry run' }).getByText('Nothing is launched at the moment').waitFor();
  await expectAccessible();
  await page.getByRole('button', { name: 'Save…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expectText(/"maxCapacity": 11/);
});

test('errors, providers, holds and the audit trail have pages, which keys lead to', async () => {
  await open('/');
  await page.getByRole('row').nth(1).waitFor();
  for (const [key, heading, text] of [
    ['h', 'Holds and settings', MARKUP],
    ['h', 'Settings in force', 'limits.machines'],
    ['a', 'Audit', 'config.maxCapacity: 10 → 11'],
    ['e', 'Errors', 'No errors are kept'],
    ['c', 'Providers', 'RunInstances'],
  ] as const) {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    await page.getByRole('heading', { name: heading }).waitFor();
    await expectText(text);
    await expectAccessible();
  }
});

test('the audit trail goes back to its begin, page by page', async () => {
  for (let repeats = 0; repeats < AUDIT_PAGE; repeats += 1) await system.api.holdPool(HELD_POOL, 'held again');
  await open('/audit?q=web');
  await page.getByRole('row').nth(AUDIT_PAGE).waitFor();
  const beginning = page.getByRole('cell', { name: 'created', exact: true }).first();
  expect(await beginning.count()).toBe(0);
  await page.getByRole('link', { name: 'Older' }).press('Enter');
  await beginning.waitFor();
  expect(new URL(page.url()).searchParams.get('q')).toBe('web');
  expect(await page.getByRole('link', { name: 'Older' }).count()).toBe(0);
  await expectAccessible();
  await page.getByRole('link', { name: 'Newest' }).press('Enter');
  await page.getByRole('link', { name: 'Older' }).waitFor();
  await beginning.waitFor({ state: 'detached' });
});

test('figures over time have pages, drawn in the colours of their legends, with the same numbers as tables', async () => {
  // Its launches are those of the tests before.
  for (const path of [`${poolPath(WORKER_POOL)}?tab=charts&range=2h`, '/charts?range=2h']) {
    await open(path);
    const demand = page.getByRole('figure').filter({ hasText: 'Tasks and capacity' });
    await demand.locator('canvas').waitFor();
    await demand.getByText('Show numbers').press('Enter');
    for (const name of ['pending', 'requested', 'running', 'stopping']) {
      await demand.getByRole('columnheader', { name }).waitFor();
    }
    // Three ran.
    await demand.getByRole('cell', { name: '3', exact: true }).first().waitFor();
    await page.getByRole('figure').filter({ hasText: 'Calls to clouds by outcome' }).locator('canvas').waitFor();
    await page.getByRole('table', { name: 'From launch to registration' }).getByRole('row').nth(1).waitFor();
    expect(await page.evaluate<number>(DRAWN_COLOURS)).toBeGreaterThan(0);
    await expectAccessible();
  }
  await pictureOfDay();
  await page.getByRole('button', { name: '7d' }).press('Enter');
  await page.getByText('the most in each 1h').waitFor();
  await page.getByLabel('Pool').fill(HELD_POOL);
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: HELD_POOL }).waitFor();
  expect(new URL(page.url()).searchParams.get('pool')).toBe(HELD_POOL);
});

test('a page whose server is gone says so and greys its numbers, and goes on when it is back', async () => {
  await open('/');
  await page.getByText('● live').waitFor();
  expect(complaints).toEqual([]);
  await system.kill9('all');
  await page.getByRole('alert').filter({ hasText: 'Not live since' }).waitFor({ timeout: LOST_WITHIN_MS });
  expect(await page.locator('main.stale').count()).toBe(1);
  await system.start('all');
  await page.getByText('● live').waitFor();
  await page.locator('main.stale').waitFor({ state: 'detached' });
});

test('the pictures of the dashboard exist', () => {
  for (const name of ['dashboard-overview', 'dashboard-pool', 'dashboard-charts']) {
    const path = `docs/images/${name}.png`;
    expect([path, existsSync(path)]).toEqual([path, true]);
    expect(readFileSync(path).byteLength).toBeLessThan(300_000);
  }
});
