/**
 * `npm test`: in a fresh clone too, everything that CI checks, stage by stage. `npm test -- <jest arguments>` runs just those tests.
 * The last line is `N passed, N failed` alone: tests, and one for each other stage that failed.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureInstalled } from './install.mjs';
import { ensureNode, projectRoot, run } from './node.mjs';

await ensureNode();

const totals = { passed: 0, failed: 0 };
const summary = [];
const chosen = process.argv.slice(2);

// However this ends, the last line is there.
process.on('exit', (code) => {
  if (code !== 0 && totals.failed === 0) totals.failed = 1;
  console.log(`\n${summary.join('\n')}\n`);
  console.log(`${totals.passed} passed, ${totals.failed} failed`);
});

await ensureInstalled();

if (chosen.length > 0) {
  await jest('chosen tests', chosen);
} else {
  for (const script of ['format:check', 'lint', 'typecheck', 'build']) await check(script);
  // One by one, because a set-up that fails (no Postgres, say) takes all of its jest run with it.
  for (const project of ['unit', 'workflows', 'integration'])
    await jest(`${project} tests`, ['--selectProjects', project]);
  // Each of these starts a whole deployment; side by side they would only slow each other down.
  await jest('end-to-end tests', ['--selectProjects', 'end-to-end', '--runInBand']);
}
process.exitCode = totals.failed > 0 ? 1 : 0;

async function check(script) {
  await stage(script, async () => {
    const npm = ['run', '--silent', script];
    const { code } = await run('npm', npm, { cwd: projectRoot, stdio: 'inherit', shell: process.platform === 'win32' });
    if (code !== 0) totals.failed += 1;
    return code === 0 ? 'ok' : 'FAILED';
  });
}

async function jest(name, args) {
  const folder = mkdtempSync(join(tmpdir(), 'worker-manager-jest-'));
  const report = join(folder, 'report.json');
  const program = join(projectRoot, 'node_modules', 'jest', 'bin', 'jest.js');
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  await stage(name, async () => {
    const command = [...flags, program, '--passWithNoTests', '--json', `--outputFile=${report}`, ...args];
    // With --json, jest repeats its report on standard output, for programs.
    const stdio = ['ignore', 'ignore', 'inherit'];
    const env = { ...process.env, NODE_OPTIONS: [process.env.NODE_OPTIONS, ...flags].filter(Boolean).join(' ') };
    const { code } = await run(process.execPath, command, { cwd: projectRoot, stdio, env });
    const { passed, failed, skipped } = readReport(report);
    totals.passed += passed;
    // A set-up that failed leaves no report, and no failed test.
    totals.failed += code !== 0 && failed === 0 ? 1 : failed;
    return `${passed} passed, ${failed} failed, ${skipped} skipped${code === 0 ? '' : ': FAILED'}`;
  });
  rmSync(folder, { recursive: true, force: true });
}

function readReport(path) {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8'));
    // A test file that could not be loaded counts as one failure.
    const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
    return { passed: report.numPassedTests, failed, skipped: report.numPendingTests + report.numTodoTests };
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}

async function stage(name, work) {
  console.log(`\n== ${name}`);
  const started = Date.now();
  const result = await work();
  const line = `${name}: ${result} (${Math.round((Date.now() - started) / 1000)} s)`;
  console.log(line);
  summary.push(line);
}
