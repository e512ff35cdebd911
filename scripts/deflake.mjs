/**
 * `npm run deflake -- FILE… --times 10 --busy 2`: runs tests again and again, beside processes that keep processors
 * busy, and counts which failed. Ends by itself; exit 1 when one failed, or none was found.
 */
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { ensureInstalled } from './install.mjs';
import { runJest } from './jest.mjs';
import { endingSignals, ensureNode } from './node.mjs';

const usage = `npm run deflake -- FILE… [--times N] [--busy N] [--name PATTERN]
  FILE     tests, as npm test takes them
  --times  how often they run (10)
  --busy   how many busy loops run beside them (0)
  --name   only tests whose full name matches`;

/** A run that has not ended by then is stopped, and counts as failed. */
const RUN_TIMEOUT_MS = 30 * 60_000;
/** Ends with the process that started it, however that ends. */
const BUSY_LOOP = `const parent = process.ppid;
while (process.ppid === parent) for (const until = Date.now() + 200; Date.now() < until; );`;

await ensureNode();
const { files, times, busy, name } = readOptions();
await ensureInstalled();

const loops = Array.from({ length: busy }, () => spawn(process.execPath, ['-e', BUSY_LOOP], { stdio: 'ignore' }));
process.on('exit', () => loops.forEach((loop) => loop.kill('SIGKILL')));
// Whatever runs then gets the signal too (`run` passes it on), and is the last.
let isInterrupted = false;
for (const signal of endingSignals) process.on(signal, () => (isInterrupted = true));

/** By test: how often it failed, and the first message. */
const failures = new Map();
let passed = 0;
let failed = 0;
while (passed + failed < times && !isInterrupted) {
  const began = Date.now();
  const failedTests = await failuresOfOneRun();
  if (isInterrupted) break;
  if (failedTests.size === 0) passed += 1;
  else failed += 1;
  for (const [test, message] of failedTests) {
    const { count, first } = failures.get(test) ?? { count: 0, first: message };
    failures.set(test, { count: count + 1, first });
  }
  const said = failedTests.size === 0 ? 'passed' : `failed: ${[...failedTests.keys()].join('; ')}`;
  console.log(`run ${passed + failed} of ${times} ${said} (${Math.round((Date.now() - began) / 1000)} s)`);
}
for (const [test, { count, first }] of failures) console.log(`\n${test}: failed ${count} times, first by\n${first}`);
console.log(`\n${passed} runs passed, ${failed} failed`);
process.exit(isInterrupted ? 130 : failed > 0 ? 1 : 0);

/** By test: its first message. */
async function failuresOfOneRun() {
  const chosen = name === undefined ? files : ['--testNamePattern', name, ...files];
  const { code, isLate, report } = await runJest(chosen, { stderr: 'ignore', timeoutMs: RUN_TIMEOUT_MS });
  if (report === null)
    return new Map([[isLate ? 'the run took too long' : 'the run left no report', `exit code ${code}`]]);
  const failing = report.testResults.flatMap(({ name: file, message, assertionResults }) => {
    if (assertionResults.length === 0 && message !== '') return [[`${file} cannot be loaded`, message]];
    const ofFile = assertionResults.filter(({ status }) => status === 'failed');
    return ofFile.map(({ fullName, failureMessages }) => [fullName, failureMessages[0] ?? '']);
  });
  const found = report.numPassedTests + report.numFailedTests > 0;
  if (failing.length === 0 && !found) return new Map([['no test was found', files.join(' ')]]);
  if (failing.length === 0 && code !== 0) return new Map([['no test, but the run', `exit code ${code}`]]);
  return new Map(failing);
}

function readOptions() {
  const text = { type: 'string' };
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { times: text, busy: text, name: text },
    });
    if (positionals.length === 0) throw new Error('no test is named');
    return {
      files: positionals,
      times: count(values.times ?? '10', 1),
      busy: count(values.busy ?? '0', 0),
      name: values.name,
    };
  } catch (error) {
    console.error(`deflake: ${error.message}\n\n${usage}`);
    return process.exit(2);
  }
}

function count(value, minimum) {
  if (!/^\d{1,4}$/.test(value) || Number(value) < minimum)
    throw new Error(`${value}: a whole number from ${minimum} on is needed`);
  return Number(value);
}
