#!/usr/bin/env node
/**
 * The real thing, for about two minutes, as a user would run it: `npm start`, tasks, one lost answer, one `kill -9` of
 * the worker manager. Then everything is removed, and the public API, Temporal's own client and the simulator's log
 * must agree that workers went requested → running → stopped, that no machine is without a lifecycle, and that no
 * launch was doubled. Ends with a table of what was checked; exit 1 when something does not hold.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stateDir } from '../../scripts/orphan-processes.mjs';
import { ensureNode, projectRoot } from '../../scripts/node.mjs';

await ensureNode();

/** How long the system works before every worker is removed. */
const WORK_MS = 100_000;
/** From the moment at which the worker manager serves. */
const FIRST_WORKER_WITHIN_MS = 30_000;
/** Builds and downloads aside; a Temporal server may have to be built first. */
const START_WITHIN_MS = 15 * 60_000;
const POOLS = ['web/unit-tests', 'docs/publish', 'web/browser-tests', 'release/build', 'mobile/emulator-tests'];
/** Of the pool on Google: as many as fit, a third in each of its zones. */
const GOOGLE_TASKS = 12;
const GOOGLE_ZONES = 3;

if (existsSync(stateDir)) {
  console.error('acceptance: .worker-manager/ exists; it wants a fresh start: npm run reset');
  process.exit(1);
}

const results = [];
const check = (what, holds, detail = '') => {
  results.push({ what, holds, detail });
  console.log(`${holds ? 'ok     ' : 'FAILED '} ${what}${detail ? ` (${detail})` : ''}`);
};

const outputFile = join(tmpdir(), 'worker-manager-acceptance.log');
const output = createWriteStream(outputFile);
const start = spawn('npm', ['start', '--', '--no-feed'], { cwd: projectRoot, detached: true });
start.stdout.pipe(output);
start.stderr.pipe(output);
// Ctrl-C reaches npm too, which then ends by the signal itself.
const ended = new Promise((resolve) => start.on('close', (code, signal) => resolve(code ?? signal)));

/** State by worker, in the order in which they were seen. */
const seen = new Map();
let running;
try {
  running = await until('npm start serves', START_WITHIN_MS, readRunning);
  const served = Date.now();
  await demo('tasks', '20', 'web/unit-tests', '--seconds', '5');
  await until('the first worker runs', FIRST_WORKER_WITHIN_MS, async () => (await readWorkers()).some(is('running')));
  check('a worker runs within 30 s of serving', true, `${((Date.now() - served) / 1000).toFixed(1)} s`);

  const second = await exitOf('npm', ['start', '--', '--no-feed']);
  check(
    'npm start, a second time, says that it runs already',
    second === 1 && (await readWorkers()).some(is('running')),
  );

  await demo('lose-answer');
  await demo('tasks', '6', 'docs/publish', '--seconds', '10');
  await until('the lost launch is repeated', 60_000, async () =>
    (await readWorkers()).some((w) => w.workerPoolId === 'docs/publish'),
  );
  check('the launch whose answer was lost has its workers', true);

  await demo('tasks', String(GOOGLE_TASKS), 'mobile/emulator-tests', '--seconds', '10');
  await until('the pool on Google has workers in every zone', 60_000, async () => {
    const workers = (await readWorkers()).filter((w) => w.workerPoolId === 'mobile/emulator-tests');
    return new Set(workers.map(({ workerGroup }) => workerGroup)).size === GOOGLE_ZONES;
  });
  check('the pool on Google has workers in three zones', true);

  await demo('tasks', '12', 'web/browser-tests', '--seconds', '10');
  await demo('kill');
  await demo('tasks', '15', 'web/unit-tests', '--seconds', '5');
  while (Date.now() - served < WORK_MS) {
    await readWorkers();
    await delay(500);
  }

  await api('PUT', 'hold', { reason: 'acceptance: everything goes' });
  await until('everything is stopped', 120_000, async () => {
    const living = (await readWorkers()).filter((worker) => !is('stopped')(worker));
    const removable = living.filter((worker) => !is('stopping')(worker) && worker.workerPoolId !== 'lab/phones');
    await Promise.all(removable.map((worker) => api('DELETE', `workers/${path(worker)}`)));
    return living.every((worker) => worker.workerPoolId === 'lab/phones');
  });

  const histories = [...seen.values()].filter((states) => states.at(-1) === 'stopped');
  const whole = histories.filter((states) => states.includes('running'));
  const backwards = [...seen.values()].filter((states) => states.some((state, i) => rank(state) < rank(states[i - 1])));
  check(
    'workers went requested → running → stopped',
    whole.length > 0,
    `${whole.length} of ${seen.size} seen running and stopped`,
  );
  check('no worker went back', backwards.length === 0);
  const tasks = await fetch(`${running.simulatorUrl}/simulator/state`).then((response) => response.json());
  const done = POOLS.map((pool) => tasks.pools[pool]?.completedTasks ?? 0).reduce((sum, count) => sum + count, 0);
  check('all tasks were done', done >= 53 + GOOGLE_TASKS, `${done}`);
  check('the evidence agrees', (await evidence()) === 0);
} catch (error) {
  check(error.message, false);
} finally {
  endGroup('SIGINT');
  const code = await Promise.race([ended, delay(60_000, 'still running', { ref: false })]);
  const stopped = readFileSync(outputFile, 'utf8').includes('Stopped.');
  check('npm start stops all and ends at a signal', stopped && [0, 130, 'SIGINT'].includes(code), `${code}`);
  if (code === 'still running') endGroup('SIGKILL');
}

const failed = results.filter(({ holds }) => !holds);
if (failed.length > 0) console.log(`\nWhat npm start printed:\n${readFileSync(outputFile, 'utf8').slice(-5000)}`);
console.log(`\nacceptance: ${results.length - failed.length} held, ${failed.length} did not`);
process.exit(failed.length > 0 ? 1 : 0);

/** Of `npm start` and all that shares its terminal, as Ctrl-C does. */
function endGroup(signal) {
  if (start.pid !== undefined && start.exitCode === null && start.signalCode === null)
    process.kill(0 - start.pid, signal);
}

function is(state) {
  return (worker) => worker.state === state;
}

function rank(state) {
  return state === undefined ? -1 : ['requested', 'running', 'stopping', 'stopped'].indexOf(state);
}

function path({ workerPoolId, workerGroup, workerId }) {
  return [workerPoolId, workerGroup, workerId].map(encodeURIComponent).join('/');
}

/** All workers now; what each was seen as is kept. While the worker manager is down there is nothing to see. */
async function readWorkers() {
  const lists = await Promise.all(
    POOLS.map((pool) => api('GET', `workers/${encodeURIComponent(pool)}`).catch(() => null)),
  );
  const workers = lists.flatMap((list) => list?.workers ?? []);
  for (const worker of workers) {
    const states = seen.get(worker.workerId) ?? [];
    if (states.at(-1) !== worker.state) seen.set(worker.workerId, [...states, worker.state]);
  }
  return workers;
}

async function api(method, route, body) {
  const response = await fetch(`${running.apiUrl}/api/worker-manager/v1/${route}`, {
    method,
    headers: body ? { 'content-type': 'application/json' } : {},
    body: body && JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${(await response.text()).slice(0, 200)}`);
  return await response.json().catch(() => null);
}

async function readRunning() {
  const file = join(stateDir, 'running.json');
  if (!existsSync(file)) return null;
  const addresses = JSON.parse(readFileSync(file, 'utf8'));
  const response = await fetch(`${addresses.apiUrl}/api/worker-manager/v1/worker-pools`).catch(() => null);
  const pools = response?.ok ? (await response.json()).workerPools.map(({ workerPoolId }) => workerPoolId) : [];
  return POOLS.every((pool) => pools.includes(pool)) ? addresses : null;
}

async function demo(...args) {
  const code = await exitOf('npm', ['run', '--silent', 'demo', '--', ...args]);
  if (code !== 0) throw new Error(`npm run demo -- ${args.join(' ')}: exit ${code}`);
}

async function evidence() {
  return await exitOf(process.execPath, [
    join(projectRoot, 'dev/acceptance/check-evidence.mjs'),
    ...['--log', join(stateDir, 'simulator.jsonl'), '--api', running.apiUrl, '--temporal', running.temporalAddress],
  ]);
}

function exitOf(command, args) {
  const child = spawn(command, args, { cwd: projectRoot, stdio: 'inherit' });
  return new Promise((resolve, reject) => child.on('error', reject).on('exit', resolve));
}

async function until(what, withinMs, condition) {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${withinMs / 1000} s`);
    if (start.exitCode !== null || start.signalCode !== null)
      throw new Error(`${what}: npm start ended with exit ${start.exitCode}`);
    await delay(200);
  }
}
