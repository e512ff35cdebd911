import { sql } from 'kysely';
import { openDatabase } from '../../database/client/open.js';
import { API_PREFIX } from '../../api/http/paths.js';
import { DAY_MS } from '../../domain/durations.js';
import { explainedPools, loadDay } from '../testing/evidence-of-a-day.js';
import { analyzeFleet, FLEET, loadFleet } from '../testing/fleet-rows.js';
import { seededRandom } from '../testing/seeded-random.js';
import { startSystem } from '../testing/system.js';
import { measureDashboard } from './dashboard.js';
import { withEngine } from './engine.js';
import { request, run } from './http-load.js';
import { type Figure, percentile } from './report.js';

const SEED = 20_261_129;
const SECONDS = 200;
const STRIPS = 40;
const OVERVIEWS = 8;
const CHARTS = ['demand', 'waits', 'registrations', 'errors', 'calls'];

/** What the API takes for the pages that explain, on the database of a large deployment with all its evidence. */
export async function measureExplanations(): Promise<Figure[]> {
  return await withEngine(async (temporal) => {
    const system = await startSystem({ database: 'postgres', temporal, start: false });
    try {
      const nowMs = Date.now();
      const database = await openDatabase({ url: system.databaseUrl });
      try {
        await loadFleet(database.db, FLEET, nowMs);
        await loadDay(database.db, nowMs);
        await analyzeFleet(database.db);
        // What was loaded is on the disk before anything is measured.
        await sql`checkpoint`.execute(database.db);
        await system.start('api');
        const figures = await measure(Number(new URL(system.api.url).port), nowMs);
        return [...figures, ...(await measureDashboard(`${system.api.url}/`, database.db))];
      } finally {
        await database.close();
      }
    } finally {
      await system.stop();
    }
  });
}

async function measure(port: number, nowMs: number): Promise<Figure[]> {
  const random = seededRandom(SEED);
  const pick = () => explainedPools[Math.floor(random() * explainedPools.length)]!;
  const iso = (ms: number) => new Date(Math.floor(ms)).toISOString();
  const explain = (query: string) => `/worker-pool/${encodeURIComponent(pick())}/explain?${query}`;
  const second = () => explain(`at=${iso(nowMs - random() * 0.95 * DAY_MS)}`);
  const strip = () => explain(`from=${iso(nowMs - DAY_MS)}&to=${iso(nowMs)}`);
  const chart = (n: number) => `/charts/${CHARTS[n % CHARTS.length]!}?from=${iso(nowMs - DAY_MS)}&to=${iso(nowMs)}`;
  const week = (n: number) => `/charts/${CHARTS[n % CHARTS.length]!}?from=${iso(nowMs - 7 * DAY_MS)}&to=${iso(nowMs)}`;
  const paths = (count: number, path: (n: number) => string) => Array.from({ length: count }, (_, n) => path(n));
  return [
    ...(await timesOf(port, 'a past second of a pool', paths(SECONDS, second), 20)),
    ...(await timesOf(port, 'the causes of 24 hours of a pool', paths(STRIPS, strip), 200)),
    // One that was read less than a second ago is given again.
    ...(await timesOf(
      port,
      `the overview of ${FLEET.pools} pools`,
      paths(OVERVIEWS, () => '/overview'),
      100,
      1_100,
    )),
    ...(await timesOf(port, 'a chart of all pools, 24 hours', paths(4 * CHARTS.length, chart), 200)),
    ...(await timesOf(port, 'a chart of all pools, 7 days', paths(4 * CHARTS.length, week), 200)),
  ];
}

/** One call at a time; the first ones, which also fill the caches of the database, are not counted. */
async function timesOf(
  port: number,
  name: string,
  paths: readonly string[],
  limit: number,
  everyMs = 0,
): Promise<Figure[]> {
  const times: number[] = [];
  const others: number[] = [];
  for (const [n, path] of [...paths.slice(0, 5), ...paths].entries()) {
    if (everyMs > 0) await new Promise((resolve) => setTimeout(resolve, everyMs));
    const text = request('GET', `${API_PREFIX}${path}`, { port });
    const sent = [text];
    const result = await run({ port, atOnce: 1, next: () => sent.pop() ?? null });
    others.push(...[...result.statuses.keys()].filter((status) => status !== 200));
    if (n >= 5) times.push(...result.times);
  }
  const scenario = 'explained from the API, one call at a time';
  const note = others.length > 0 ? { note: `beside answers with ${[...new Set(others)].join(', ')}` } : {};
  return [
    { scenario, name: `${name}, p50`, value: percentile(times, 0.5), unit: 'ms' },
    { scenario, name: `${name}, p95`, value: percentile(times, 0.95), unit: 'ms', limit, ...note },
  ];
}
