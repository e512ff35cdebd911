import { rmSync } from 'node:fs';
import { endAllOrphans, isLauncher, launcherLock, stateDir } from '#scripts/orphan-processes.mjs';
import { ownerOf, tryLock } from '#scripts/lock.mjs';
import { bannerLines } from './banner.js';
import { announceStaticWorker, createMissingPools, readExamples } from './examples.js';
import { batches, feed } from './feed.js';
import { parseStartOptions } from './options.js';
import { Screen } from './screen.js';
import { startServices, type Service } from './services.js';
import { assertStateIsCurrent, files, prepareStateDir, readJsonFile, type Running } from './state.js';
import { Stopped, StopSignal } from './stop-signal.js';
import { Watch } from './watch.js';
import { messageOf } from '../../domain/values.js';

/** Started by dev/start/start.mjs. Everything that runs here is a child of this process, and ends with it. */
const options = parseStartOptions(process.argv.slice(2));
const screen = new Screen(process.stdout);
/** Pools of these clouds get tasks by themselves. */
const FED = ['aws', 'google'];
const say = (line: string) => screen.say(line);

prepareStateDir();
if (!tryLock(launcherLock, isLauncher)) {
  const there = readJsonFile<Running>(files.running);
  const where = there ? `; its Temporal UI is ${there.temporalUiUrl}, its API ${there.apiUrl}/` : '';
  say(`npm start is running here already (process ${ownerOf(launcherLock)})${where}. Stop it with Ctrl-C there.`);
  process.exit(1);
}

const services: Service[] = [];
const stop = new StopSignal(() => {
  say('Ending everything at once');
  for (const service of services) service.kill();
});
process.exitCode = await run();
rmSync(launcherLock, { force: true });
process.exit();

async function run(): Promise<number> {
  try {
    await startAndWatch();
    return 0;
  } catch (error) {
    if (error instanceof Stopped) return 0;
    say(`npm start: ${messageOf(error)}`);
    return 1;
  } finally {
    screen.leave();
    await stopServices();
  }
}

async function startAndWatch(): Promise<void> {
  assertStateIsCurrent();
  const left = await endAllOrphans();
  if (left.length > 0) say(`Ended what an earlier npm start left running (processes ${left.join(', ')})`);
  const running = await startServices(services, stop, say);
  const serverUpAt = Date.now();

  const pools = readExamples();
  const created = await stop.orStop(createMissingPools(running.apiUrl, pools));
  const ownConfig = pools.find(({ providerId }) => providerId === 'hand');
  if (ownConfig) await stop.orStop(announceStaticWorker(running.apiUrl, ownConfig));
  const fed = pools.filter(({ providerId }) => FED.includes(providerId)).map(({ workerPoolId }) => workerPoolId);
  screen.say(...bannerLines(running, { created, firstPool: fed[0] ?? '', feeding: options.feed }));

  const watch = new Watch(running, screen, serverUpAt);
  const feeding = options.feed
    ? feed(running.simulatorUrl, batches(fed, options.seed), (id) => watch.pendingOf(id), stop.signal)
    : null;
  const timer = options.forSeconds === null ? null : setTimeout(() => stop.stop(), options.forSeconds * 1000);
  try {
    await watch.run(stop.signal);
  } finally {
    if (timer) clearTimeout(timer);
    await feeding;
  }
}

/** The last started first: the worker manager drains while the simulator and Temporal still answer. */
async function stopServices(): Promise<void> {
  if (services.length === 0) return;
  say('Stopping');
  for (const service of services.toReversed()) await service.stop();
  rmSync(files.running, { force: true });
  say(`Stopped. npm start goes on from here; npm run reset forgets ${stateDir}`);
}
