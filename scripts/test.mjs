/**
 * `npm test`: in a fresh clone too, everything that CI checks, stage by stage. `npm test -- <jest arguments>` runs just
 * those tests, `--stage NAME` one stage. `npm run test:long` (`--long`) runs the proofs that have two forms at full
 * length. The last line is `N passed, N failed` alone: tests, and one for each other stage that failed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { ensureInstalled } from './install.mjs';
import { jestEnvironment, jestFlags, jestProgram, runJest } from './jest.mjs';
import { endingSignals, ensureNode, projectRoot, run } from './node.mjs';

await ensureNode();

/** On a machine that cannot follow, histories get longer there: it has the machine for itself. */
const COUNTED = 'end-to-end/counts';
/**
 * What others feel of an attack is measured there, how long histories get, and how soon a pending task has its machine:
 * at full length they have the machine for themselves.
 */
const ALONE = ['test/integration/api/attacks.test.ts', `test/${COUNTED}.test.ts`, 'test/end-to-end/pulse/push.test.ts'];
/** Each process that runs such files has a Temporal server. */
const MAX_SIDE_BY_SIDE = 8;
/** Characters that the end of a run shows of a failure. */
const MAX_SHORT = 300;
const totals = { passed: 0, failed: 0 };
const summary = [];
/** A line each, begun with `failed: `, for whoever sees the end of a long output only (.ci/run repeats them). */
const failures = [];
const [option, ...rest] = process.argv.slice(2);

// However this ends, the last line is there.
process.on('exit', (code) => {
  if (option === '--watch') return;
  if (code !== 0 && totals.failed === 0) totals.failed = 1;
  console.log(`\n${[...summary, ...failures].join('\n')}\n`);
  console.log(`${totals.passed} passed, ${totals.failed} failed`);
});

// Whatever runs then gets the signal too (`run` passes it on), and ends as failed; nothing else is begun.
let isInterrupted = false;
for (const signal of endingSignals) process.on(signal, () => (isInterrupted = true));

await ensureInstalled();

/** Each project is a jest run of its own: a set-up that fails (no Postgres, say) takes all of its run with it. */
const stages = {
  check: () => Promise.all(['format:check', 'lint', 'typecheck'].map(check)),
  build: () => check('build'),
  unit: () => project('unit'),
  workflows: () => project('workflows'),
  integration: () => project('integration'),
  'end-to-end': async () => {
    await project('end-to-end', [`--testPathIgnorePatterns=${COUNTED}`]);
    await project('end-to-end', ['--runInBand', COUNTED]);
  },
};

if (option === '--long') await runLongForms();
else if (option === '--watch') await watch(rest);
else if (option === '--stage') await stageNamed(rest);
else if (option !== undefined) await jest('chosen tests', [option, ...rest]);
else {
  for (const runStage of Object.values(stages)) await runStage();
  summary.push(`left out: the full length of ${filesWithTwoForms().length} files of tests (npm run test:long)`);
}
process.exitCode = totals.failed > 0 ? 1 : 0;

async function stageNamed([name, ...args]) {
  if (!(name in stages)) throw new Error(`--stage: one of ${Object.keys(stages).join(', ')} is needed, not ${name}`);
  if (args.length > 0) await project(name, args);
  else await stages[name]();
}

/**
 * Only what a proof leaves out of its short form is run here; `npm test` has run everything else. Most of these files
 * wait, so they do it side by side, in one run of jest.
 */
async function runLongForms() {
  process.env.LONG = '1';
  const waiting = filesWithTwoForms().filter((file) => !ALONE.includes(file));
  await jest('proofs at full length, side by side', ['--maxWorkers=3', ...waiting]);
  await jest('proofs at full length, one at a time', ['--runInBand', ...ALONE]);
}

function filesWithTwoForms() {
  return readdirSync(join(projectRoot, 'test'), { recursive: true })
    .map((file) => `test/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => readFileSync(join(projectRoot, file), 'utf8').includes('/support/long.js'))
    .sort();
}

/**
 * Unless the arguments say how many (jest refuses the option twice), a file for each core at a time, because jest would
 * leave one free, two for each where tests wait for servers half of their time, and three where they wait for whole
 * systems. `--selectProjects` comes last, because it takes every word behind it for a project's name, files too.
 */
function project(name, args = []) {
  const isGiven = args.some((arg) => arg === '--runInBand' || arg.startsWith('--maxWorkers'));
  const perCore = { integration: 2, 'end-to-end': 3 }[name] ?? 1;
  const workers = isGiven ? [] : [`--maxWorkers=${Math.min(MAX_SIDE_BY_SIDE, perCore * availableParallelism())}`];
  return jest(`${name} tests`, [...workers, ...args, '--selectProjects', name]);
}

async function check(script) {
  await stage(script, async () => {
    const npm = ['run', '--silent', script];
    const { code } = await run('npm', npm, { cwd: projectRoot, stdio: 'inherit', shell: process.platform === 'win32' });
    if (code !== 0) totals.failed += 1;
    return code === 0 ? 'ok' : 'FAILED';
  });
}

/** `--watch` talks with whoever types, and leaves no report. */
async function watch(args) {
  const command = [...jestFlags, jestProgram, '--watch', ...args];
  await run(process.execPath, command, { cwd: projectRoot, stdio: 'inherit', env: jestEnvironment() });
}

async function jest(name, args) {
  await stage(name, async () => {
    const { code, signal, report } = await runJest(args);
    const { passed, failed, skipped } = countsOf(report);
    totals.passed += passed;
    // A set-up that failed leaves no report, and no failed test.
    totals.failed += code !== 0 && failed === 0 ? 1 : failed;
    failures.push(...failuresOf(report));
    if (code === 0 && report?.numTotalTestSuites === 0) {
      totals.failed += 1;
      return 'FAILED: no file of tests is called that';
    }
    return `${passed} passed, ${failed} failed, ${skipped} skipped${code === 0 ? '' : `: FAILED (${signal ?? `exit code ${code}`})`}`;
  });
}

function countsOf(report) {
  if (!report) return { passed: 0, failed: 0, skipped: 0 };
  // A test file that could not be loaded counts as one failure.
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  return { passed: report.numPassedTests, failed, skipped: report.numPendingTests + report.numTodoTests };
}

/** Every test that failed, with its file and what went wrong in short. */
function failuresOf(report) {
  return (report?.testResults ?? []).flatMap(({ name, assertionResults, message, status }) => {
    const file = relative(projectRoot, name);
    const failed = assertionResults.filter((result) => result.status === 'failed');
    // A file that could not be loaded has a message and no tests.
    if (failed.length === 0) return status === 'failed' ? [`failed: ${file}: ${inShort(message)}`] : [];
    return failed.map(
      ({ fullName, failureMessages }) => `failed: ${file}: ${fullName}: ${inShort(failureMessages[0])}`,
    );
  });
}

function inShort(message = '') {
  return stripVTControlCharacters(message).replaceAll(/\s+/g, ' ').slice(0, MAX_SHORT);
}

async function stage(name, work) {
  if (isInterrupted) return;
  console.log(`\n== ${name}`);
  const started = Date.now();
  const result = await work();
  const line = `${name}: ${result} (${Math.round((Date.now() - started) / 1000)} s)`;
  console.log(line);
  summary.push(line);
}
