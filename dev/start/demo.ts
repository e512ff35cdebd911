import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { commandLineOf, isLauncher, launcherLock, stateDir } from '#scripts/orphan-processes.mjs';
import { ownerOf } from '#scripts/lock.mjs';
import { restoreCapacity, listRunningMachines, loseNextAnswer, limitCapacity } from './demo-cloud.js';
import { answersOk, call, HttpError } from './http.js';
import { lifecyclesLink } from './links.js';
import { tableLines, takeSnapshot } from './snapshot.js';
import { files, readJsonFile, type Running } from './state.js';
import { messageOf } from '../../domain/values.js';

/** `npm run demo -- <command>`: does something to the running `npm start`, and says what it did and what to expect. */
const command = new Command('npm run demo --').description('Things to do to a running npm start.');
const print = (...lines: readonly string[]): void => lines.forEach((line) => console.log(line));

command
  .command('tasks')
  .description('add tasks to a pool’s queue')
  .argument('<count>', 'how many', wholeNumber)
  .argument('<pool>', 'as in web/unit-tests')
  .option('--seconds <number>', 'how long each takes', wholeNumber, 20)
  .action(async (count: number, pool: string, { seconds }: { seconds: number }) => {
    const running = whereIsIt();
    await assertPoolExists(running, pool);
    await call('POST', `${running.simulatorUrl}/simulator/tasks`, { taskQueueId: pool, count, seconds });
    print(
      `Added ${count} tasks of ${seconds} s to ${pool}.`,
      'Expect: within 5 s the pool launches machines, up to its maximum; 3 s later they register and take the tasks.',
      'Machines that have been idle for 20 s ask whether they are needed still, and go.',
    );
  });

command
  .command('kill')
  .description('kill -9 the worker manager: API, workflows and database at once')
  .action(async () => {
    const { apiUrl, temporalUiUrl } = whereIsIt();
    const pid = ownerOf(files.workerManagerPid);
    if (pid === null || !commandLineOf(pid).includes(stateDir)) throw new Error('the worker manager is not running');
    const since = Date.now();
    process.kill(pid, 'SIGKILL');
    print(`Killed the worker manager (process ${pid}) with SIGKILL. npm start starts it again.`);
    await until(
      async () => ownerOf(files.workerManagerPid) !== pid && (await answersOk(`${apiUrl}/api/worker-manager/v1/ping`)),
    );
    print(
      `It answers again after ${((Date.now() - since) / 1000).toFixed(1)} s, as process ${ownerOf(files.workerManagerPid)}.`,
      `Expect: no worker is lost and none is launched twice. Every life goes on: ${lifecyclesLink(temporalUiUrl)}`,
    );
  });

command
  .command('kill-machine')
  .description('the cloud takes a machine away without a word')
  .argument('[id]', 'as in i-0123456789abcdef0; one that runs when left out')
  .action(async (id: string | undefined) => {
    const running = whereIsIt();
    const machines = await listRunningMachines(running);
    const machine = id === undefined ? machines[0] : machines.find(({ instanceId }) => instanceId === id);
    if (!machine) throw new Error(id === undefined ? 'no machine runs at the moment' : `no machine ${id} runs`);
    await call('POST', `${running.simulatorUrl}/simulator/machines/${machine.instanceId}/kill`, {});
    print(
      `The cloud ended ${machine.instanceId} of ${machine.workerPoolId ?? 'no pool'} in ${machine.region}.`,
      'Expect: the next scan (every 10 s) sees it; its life goes through stopping to stopped, and its task is pending again.',
    );
  });

command
  .command('no-capacity')
  .description('the cloud has no more machines for a pool’s launch configs, or in a region')
  .argument('<where>', 'a pool (web/unit-tests) or a region (us-east-1)')
  .action(async (where: string) => {
    const places = await limitCapacity(whereIsIt(), where);
    print(
      `No new machine in ${places.join(', ')}: the cloud answers that it has no capacity there.`,
      'Expect, once there are tasks: other launch configs are tried; one worker-pool error for each that failed, which then backs off.',
      'npm run demo -- capacity back   undoes it.',
    );
  });

command
  .command('capacity')
  .description('`capacity back`: the cloud has machines again')
  .argument('<back>', 'the word back', (word: string) => {
    if (word !== 'back') throw new InvalidArgumentError('say: capacity back.');
    return word;
  })
  .action(async () => {
    const places = await restoreCapacity(whereIsIt());
    print(
      places.length > 0 ? `Machines again in ${places.join(', ')}.` : 'Capacity was nowhere limited.',
      'Expect: launch configs that backed off are tried again when their backoff is over (10 s, doubling to 10 minutes).',
    );
  });

command
  .command('lose-answer')
  .description('the next RunInstances acts, and its answer is lost')
  .action(async () => {
    await loseNextAnswer(whereIsIt());
    print(
      'The next RunInstances will launch its machines, and the connection is cut instead of the answer.',
      'Now give it a reason: npm run demo -- tasks 10 docs/publish',
      'Expect: the same request again, with the same token; the cloud answers with the machines that it made. None is launched twice.',
      `See it: grep '"repeated":true' ${files.simulatorLog}`,
    );
  });

command
  .command('status')
  .description('the table and where everything is')
  .action(async () => {
    const running = whereIsIt();
    print(...tableLines(await takeSnapshot(running)), '');
    for (const [name, place] of Object.entries(running)) print(`${name.padEnd(18)}${place}`);
  });

try {
  await command.parseAsync(process.argv.slice(2), { from: 'user' });
} catch (error) {
  console.error(`demo: ${messageOf(error)}`);
  process.exitCode = 1;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('a whole number is needed.');
  return Number(text);
}

function whereIsIt(): Running {
  const running = readJsonFile<Running>(files.running);
  if (!running || !existsSync(launcherLock) || !isLauncher(ownerOf(launcherLock))) {
    throw new Error('nothing runs here: type npm start in another terminal first');
  }
  return running;
}

async function assertPoolExists({ apiUrl }: Running, pool: string): Promise<void> {
  try {
    await call('GET', `${apiUrl}/api/worker-manager/v1/worker-pool/${encodeURIComponent(pool)}`);
  } catch (error) {
    if (error instanceof HttpError && error.status < 500) throw new Error(`there is no pool ${pool}`);
    throw error;
  }
}

async function until(done: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 90_000;
  while (!(await done())) {
    if (Date.now() > deadline) throw new Error('it does not come back; see the terminal of npm start');
    await delay(100);
  }
}
