import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Checker } from './check/checker.js';
import { Journal } from './check/journal.js';
import type { Deployment, Shape, TemporalKind } from './deployment.js';
import { EXAMPLE_REGIONS, SWEEP_SECONDS } from './deployment.js';
import { Draw } from './draw.js';
import { startEmbedded } from './embedded.js';
import { isExplained } from './explained-errors.js';
import { endCloudFaults } from './faults/clouds.js';
import { drawPools } from './pools.js';
import { PoolsAtWork, waveMs } from './pools-at-work.js';
import { startProduction } from './production.js';
import type { Scene } from './scene.js';
import { type ScenarioName, scenarioNames, scenarios } from './scenarios/scenarios.js';
import { Stage } from './scenarios/stage.js';
import { Strikes } from './strikes.js';

export interface ChaosOptions {
  readonly seed: number;
  /** Of demand and faults. */
  readonly minutes: number;
  /** Demand goes on until there have been so many. */
  readonly lifecycles: number;
  readonly shape: Shape;
  readonly pools: number;
  /** Of each pool at its maximum. */
  readonly machines?: number;
  readonly providers: readonly ('aws' | 'azure' | 'google' | 'hand')[];
  /** Of the build to run; the project's own when left out. */
  readonly root?: string;
  /** Without what takes minutes to be undone. */
  readonly isQuick?: boolean;
  /** After the run; they write into the database. */
  readonly scenarios?: boolean;
  /** Of the production shape. */
  readonly temporal?: TemporalKind;
  /** The run is over at the first violation. */
  readonly untilViolation?: boolean;
  readonly say: (line: string) => void;
}

export interface ChaosOutcome {
  readonly faults: ReadonlyMap<string, number>;
  readonly figures: Checker['figures'];
  readonly violations: readonly string[];
  /** From the end of demand until nothing was left; null: something was, in the end. */
  readonly cleanUpMs: number | null;
  readonly tasks: number;
  readonly folder: string;
}

/** A life without an owner may last so long, then its removal, and whatever waits for a deadline. */
const CLEAN_UP_MS = (5 * 60 + 2 * SWEEP_SECONDS + 300) * 1_000;
const PROGRESS_EVERY_MS = 10_000;
/** Rows, once nothing else is left; each read of an embedded database kills its process, which must get to work. */
const READ_EVERY_MS = 20_000;
const MAX_READ_EVERY_MS = 120_000;
const MAX_SILENCE_MS = 60_000;
const STUCK_MS = 90_000;
/** A run of fewer minutes has shorter silences. */
const SILENCES_PER_RUN = 8;

/** One run: pools, demand and faults until the time is over, then nothing but the end of everything. */
export async function runChaos(options: ChaosOptions): Promise<ChaosOutcome> {
  const { seed, say, minutes } = options;
  const { pools, source } = drawPools(options, new Draw(seed, 'pools'));
  say(`${pools.length} ${source}; ${options.shape}, seed ${seed}`);
  const ofAws = pools.filter(({ provider }) => provider === 'aws').flatMap(({ places }) => places);
  const regions = new Set([...EXAMPLE_REGIONS, ...ofAws]);
  const violations = new Set<string>();
  const onViolation = (violation: string) => {
    if (violations.has(violation)) return;
    violations.add(violation);
    say(`VIOLATION: ${violation}`);
  };
  const { root, temporal: kind } = options;
  const start = { embedded: startEmbedded, production: startProduction }[options.shape];
  const deployment = await start({ regions: [...regions], root, temporal: kind, onUnexpectedEnd: onViolation });
  const { simulator, temporalClient: temporal, readRows, folder } = deployment;
  say(`logs are in ${folder}`);
  const journal = new Journal();
  const readsRowsAtWill = deployment.database !== null;
  const checked = { simulatorUrl: simulator.url, logFile: simulator.logFile, sweepSeconds: SWEEP_SECONDS };
  const checker = new Checker({ ...checked, journal, temporal, readRows, readsRowsAtWill, onViolation });
  const load = new AbortController();
  const atWork = new PoolsAtWork(deployment.api, simulator, journal);
  const silenceMs = Math.min(MAX_SILENCE_MS, (minutes * 60_000) / SILENCES_PER_RUN);
  const scene: Scene = { deployment, checker, journal, pools: atWork, silenceMs, onViolation, signal: load.signal };
  const strikes = new Strikes(scene, {
    ...{ seed, loadMs: minutes * 60_000, isQuick: options.isQuick ?? false },
    onFailure: (what) => say(`a fault could not be made: ${what}`),
  });
  let isOver = false;
  try {
    for (const pool of pools) await atWork.create(pool);
    checker.start();
    await work(scene, strikes, options, load, () => violations.size > 0);
    const isCaught = options.untilViolation && violations.size > 0;
    const cleanUpMs = isCaught ? null : await cleanUp(scene, say);
    if (!isCaught) await conclude(scene);
    const faults = await strikes.counts();
    if (!isCaught && options.scenarios && deployment.store)
      await playScenarios(deployment, scenarioNames, options, onViolation);
    const { figures } = checker;
    isOver = true;
    return { faults, figures, violations: [...violations], cleanUpMs, tasks: atWork.tasks, folder };
  } finally {
    load.abort();
    await checker.stop();
    await deployment.stop();
    // Logs of a run that shows nothing are of no use.
    if (isOver && violations.size === 0) rmSync(folder, { recursive: true, force: true });
  }
}

/** Scenarios alone, on Postgres: nothing else goes wrong meanwhile. */
export async function runScenarios(
  options: Pick<ChaosOptions, 'root' | 'temporal' | 'untilViolation' | 'say'> & {
    readonly chosen: readonly ScenarioName[];
  },
): Promise<{ readonly violations: readonly string[]; readonly seconds: ReadonlyMap<string, number> }> {
  const { root, temporal, say, chosen } = options;
  const violations = new Set<string>();
  const onViolation = (violation: string) => {
    violations.add(violation);
    say(`VIOLATION: ${violation}`);
  };
  const deployment = await startProduction({ regions: EXAMPLE_REGIONS, root, temporal, onUnexpectedEnd: onViolation });
  say(`logs are in ${deployment.folder}`);
  try {
    const seconds = await playScenarios(deployment, chosen, options, onViolation);
    return { violations: [...violations], seconds };
  } finally {
    await deployment.stop();
    if (violations.size === 0) rmSync(deployment.folder, { recursive: true, force: true });
  }
}

async function playScenarios(
  deployment: Deployment,
  chosen: readonly ScenarioName[],
  { say, untilViolation = false }: Pick<ChaosOptions, 'say' | 'untilViolation'>,
  onViolation: (violation: string) => void,
): Promise<Map<string, number>> {
  const seconds = new Map<string, number>();
  for (const name of chosen) {
    say(`scenario: ${name}`);
    const begun = Date.now();
    let broken = 0;
    const stage = new Stage(deployment, (violation) => {
      broken += 1;
      // What follows is of a deployment that is being stopped.
      if (untilViolation && broken > 1) return;
      onViolation(`${name}: ${violation}`);
    });
    const played = scenarios[name](stage).catch((error: unknown) => stage.expect(false, String(error)));
    await (untilViolation ? Promise.race([played, stage.broken]) : played);
    seconds.set(name, Math.round((Date.now() - begun) / 1000));
    if (untilViolation && broken > 0) break;
  }
  return seconds;
}

/**
 * Demand and faults until the time is over and there have been enough lifecycles; resolves when all faults are over.
 */
async function work(
  scene: Scene,
  strikes: Strikes,
  options: ChaosOptions,
  load: AbortController,
  isBroken: () => boolean,
): Promise<void> {
  const { seed, minutes, lifecycles, say, untilViolation = false } = options;
  const until = Date.now() + minutes * 60_000;
  const isComplete = () => Date.now() >= until && scene.checker.figures.lifecycles >= lifecycles;
  const over = () => isComplete() || (untilViolation && isBroken());
  const running = Promise.all([
    scene.pools.demand(new Draw(seed, 'demand'), waveMs(minutes), load.signal),
    strikes.run(),
  ]);
  let saidAt = Date.now();
  while (!over()) {
    await delay(500);
    if (Date.now() - saidAt < PROGRESS_EVERY_MS) continue;
    saidAt = Date.now();
    say(progress(scene, until));
  }
  load.abort();
  await running;
}

function progress({ checker, pools }: Scene, until: number): string {
  const { lifecycles, launches, withoutOwner } = checker.figures;
  const left = Math.max(0, Math.round((until - Date.now()) / 1000));
  return [
    `${left} s left`,
    `${lifecycles} lifecycles`,
    `${launches} launch calls`,
    `${checker.machines.length} machines`,
    `${withoutOwner} without an owner`,
    `${pools.tasks} tasks`,
    `${checker.violations.size} violations`,
  ].join(', ');
}

/** Everything that was taken away is given back; then everything ends by itself, or is left in the end. */
async function cleanUp(scene: Scene, say: (line: string) => void): Promise<number | null> {
  const { deployment, pools } = scene;
  const begun = Date.now();
  await heal(deployment);
  await pools.endStatic();
  let saidAt = begun;
  let readAt = begun;
  let readEveryMs = READ_EVERY_MS;
  while (Date.now() - begun < CLEAN_UP_MS) {
    const left = [...(await scene.checker.left()), ...(await pools.waiting())];
    const isDue = left.length === 0 && Date.now() - readAt >= readEveryMs;
    if (isDue) {
      left.push(...(await atRest(deployment, () => scene.checker.leftInRows())));
      readAt = Date.now();
      readEveryMs = Math.min(MAX_READ_EVERY_MS, 2 * readEveryMs);
      if (left.length === 0) return readAt - begun;
    }
    if (isDue || Date.now() - saidAt >= PROGRESS_EVERY_MS) {
      saidAt = Date.now();
      say(
        `cleaning up for ${Math.round((saidAt - begun) / 1000)} s, ${left.length} left: ${left.slice(0, 3).join('; ')}`,
      );
    }
    await reviveTemporal(scene, say);
    await delay(1_000);
  }
  return null;
}

/** While the database can be read: an embedded one when its process has been killed. */
async function atRest<T>({ database, processes }: Deployment, work: () => Promise<T>): Promise<T> {
  if (database) return await work();
  const [all] = processes;
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  await all!.kill(() => work().then(resolve, reject));
  await all!.serves();
  return await promise;
}

/**
 * On a busy machine a dev server's only connection to SQLite may stay interrupted for ever: whoever operates one
 * starts it again.
 */
async function reviveTemporal({ checker, deployment }: Scene, say: (line: string) => void): Promise<void> {
  if (checker.unreadableMs < STUCK_MS) return;
  say('Temporal could not be read for too long: it is started again');
  await deployment.temporal.server.kill(0);
}

async function heal(deployment: Deployment): Promise<void> {
  const { temporal, database } = deployment;
  for (const { proxy } of [temporal, ...(database ? [database] : [])]) proxy.speak();
  await endCloudFaults(deployment);
}

const conclude = ({ deployment, checker, journal }: Scene): Promise<unknown> =>
  atRest(deployment, () => checker.conclude((error) => isExplained(error, journal)));
