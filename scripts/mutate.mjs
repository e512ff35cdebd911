/**
 * `npm run mutate`: changes the product and expects a test to notice. Two parts, each also alone:
 *
 *     npm run mutate -- domain    StrykerJS on the pure rules (`stryker.config.mjs`); at least 90 % must be noticed
 *     npm run mutate -- guards    removes each guard (`scripts/guards.mjs`), one after the other
 *     npm run mutate -- guards NAME…    only these
 *
 * The last line is `N passed, N failed`: guards, and one for `domain/`. Neither part belongs to `npm test`: they take long.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureInstalled } from './install.mjs';
import { ensureNode, projectRoot, run, say } from './node.mjs';

await ensureNode();
await ensureInstalled();

const [part = 'all', ...names] = process.argv.slice(2);
if (!['all', 'domain', 'guards'].includes(part)) throw new Error('npm run mutate -- [domain | guards [NAME…]]');
/** Code without a guard may run for ever. */
const GUARD_TIMEOUT_MS = 5 * 60_000;
const totals = { passed: 0, failed: 0 };

if (part !== 'guards') await mutateDomain();
if (part !== 'domain') await removeGuards();
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed > 0 ? 1 : 0;

async function mutateDomain() {
  const stryker = join(projectRoot, 'node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js');
  const { code } = await run(process.execPath, [stryker, 'run'], { cwd: projectRoot, stdio: 'inherit' });
  count(code === 0, 'domain/');
}

async function removeGuards() {
  const { guardsOf, guardedFolders } = await import('./guards.mjs');
  const tests = JSON.parse(readFileSync(join(projectRoot, 'test/mutation/guards.json'), 'utf8'));
  const files = sourceFiles();
  const guards = files
    .filter((file) => file.endsWith('.ts') && guardedFolders.includes(file.split('/')[0]))
    .flatMap((file) => guardsOf(readFileSync(join(projectRoot, file), 'utf8'), file))
    .filter(({ name }) => names.length === 0 || names.includes(name));
  const tree = copyTree(files);
  const sound = new Set();
  for (const { name, file, apply } of guards) {
    const of = tests[name];
    if (!of) {
      count(false, `${name}: test/mutation/guards.json names no test`);
      continue;
    }
    const key = JSON.stringify(of);
    // A test that fails anyway notices nothing.
    if (!sound.has(key) && (await testsIn(tree, of)) !== 'passed') {
      count(false, `${name}: its test does not pass, or there is none: ${of.test} › ${of.title}`);
      continue;
    }
    sound.add(key);
    const path = join(tree, file);
    const original = readFileSync(path, 'utf8');
    writeFileSync(path, apply());
    const outcome = await testsIn(tree, of);
    writeFileSync(path, original);
    count(outcome === 'failed', `${name} (${file}): ${outcome === 'failed' ? `noticed by ${of.test}` : outcome}`);
  }
  rmSync(tree, { recursive: true, force: true });
}

function count(passed, line) {
  totals[passed ? 'passed' : 'failed'] += 1;
  say(`${passed ? 'ok    ' : 'FAILED'} ${line}`);
}

/** Committed or not, sorted. */
function sourceFiles() {
  const command = ['ls-files', '--cached', '--others', '--exclude-standard'];
  const listed = execFileSync('git', command, { cwd: projectRoot, encoding: 'utf8' }).split('\n').filter(Boolean);
  return listed.filter((file) => existsSync(join(projectRoot, file))).sort();
}

/** A copy to break, with this checkout's dependencies. */
function copyTree(files) {
  const tree = join(projectRoot, '.mutation', 'guards');
  rmSync(tree, { recursive: true, force: true });
  for (const file of files) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    cpSync(join(projectRoot, file), join(tree, file));
  }
  symlinkSync(join(projectRoot, 'node_modules'), join(tree, 'node_modules'));
  return tree;
}

/** `passed`, `failed` (a test did), or what else went wrong, in words. */
async function testsIn(tree, { test, title }) {
  const report = join(tree, 'report.json');
  rmSync(report, { force: true });
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const jest = join(projectRoot, 'node_modules', 'jest', 'bin', 'jest.js');
  const chosen = title ? ['--testNamePattern', title] : [];
  const args = [
    ...flags,
    jest,
    '--forceExit',
    '--json',
    `--outputFile=${report}`,
    ...chosen,
    '--runTestsByPath',
    join(tree, test),
  ];
  const env = { ...process.env, NODE_OPTIONS: flags.join(' ') };
  await run(process.execPath, args, {
    cwd: tree,
    stdio: 'ignore',
    env,
    timeout: GUARD_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  try {
    const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(readFileSync(report, 'utf8'));
    if (numFailedTests > 0) return 'failed';
    if (numRuntimeErrorTestSuites > 0) return 'the tests could not be loaded';
    return numPassedTests > 0 ? 'passed' : 'no test has that title';
  } catch {
    return 'the tests gave no report';
  }
}
