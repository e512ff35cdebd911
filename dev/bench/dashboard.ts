import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Browser, Page } from 'playwright-core';
import type { Db } from '../../database/client/schema.js';
import { hasChromium, startChromium } from '../testing/chromium.js';
import { FLEET } from '../testing/fleet-rows.js';
import type { Figure } from './report.js';

const LOADS = 5;
const CHANGES_A_SECOND = 40;
const SECONDS = 20;
const DESK = { width: 1280, height: 800 };

/** The overview of all pools in a headless Chromium: until its table is there, and while pools change. */
export async function measureDashboard(url: string, db: Db): Promise<Figure[]> {
  if (!hasChromium()) {
    console.log('The dashboard is left out: there is no Chromium (CHROMIUM_PATH).');
    return [];
  }
  const browser = await startChromium();
  try {
    const scenario = `the dashboard's overview of ${FLEET.pools} pools in Chromium`;
    const loads: number[] = [];
    for (let load = 0; load < LOADS; load += 1) loads.push(await firstTableMs(browser, url));
    const page = await browser.newPage({ viewport: DESK });
    await page.goto(url);
    await page.locator('tbody tr').first().waitFor();
    return [
      { scenario, name: `its first table, slowest of ${LOADS}`, value: Math.max(...loads), unit: 'ms', limit: 1_000 },
      {
        scenario,
        name: `script in a second of ${CHANGES_A_SECOND} changes`,
        value: await scriptWhileChanging(page, db),
        unit: 'ms',
        limit: 50,
      },
    ];
  } finally {
    await browser.close();
  }
}

/** With nothing in the browser's cache. */
async function firstTableMs(browser: Browser, url: string): Promise<number> {
  const context = await browser.newContext({ viewport: DESK });
  try {
    const page = await context.newPage();
    const begun = performance.now();
    await page.goto(url, { waitUntil: 'commit' });
    await page.locator('tbody tr').first().waitFor();
    return performance.now() - begun;
  } finally {
    await context.close();
  }
}

async function scriptWhileChanging(page: Page, db: Db): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const scriptMs = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'ScriptDuration')!.value * 1000;
  };
  const [before, begun] = [await scriptMs(), performance.now()];
  for (let second = 1; second <= SECONDS; second += 1) {
    await changePools(db, second);
    await delay(Math.max(0, begun + second * 1000 - performance.now()));
  }
  const perSecond = ((await scriptMs()) - before) / ((performance.now() - begun) / 1000);
  // Else it was not the work of drawing them that was measured.
  const rows = page.getByRole('row').filter({ hasText: pendingAfter(SECONDS) });
  await rows.nth(CHANGES_A_SECOND - 1).waitFor();
  return perSecond;
}

const pendingAfter = (second: number): string => String(100 + second);

/** Each time the same ones: those are drawn anew each time. */
const changePools = (db: Db, second: number) =>
  sql`
  update demand_readings set pending_tasks = cast(${pendingAfter(second)} as bigint), read_at = read_at + 1000
  where worker_pool_id in (select 'fleet/pool-' || n from generate_series(1, ${sql.lit(CHANGES_A_SECOND)}) n)`.execute(
    db,
  );
