/** How the project's scripts start jest: its program, and what Node needs to run tests that are ES modules. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot, run, say } from './node.mjs';

export const jestProgram = join(projectRoot, 'node_modules', 'jest', 'bin', 'jest.js');
export const jestFlags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];

/** Jest's own processes need the flags too. */
export const jestEnvironment = () => ({
  ...process.env,
  NODE_OPTIONS: [process.env.NODE_OPTIONS, ...jestFlags].filter(Boolean).join(' '),
});

/**
 * Runs jest to its end. `report` is jest's own, null when it left none, as after a set-up that failed; `isLate`: it was
 * stopped after `timeoutMs`, by force, since a test that loops takes no other signal.
 */
export async function runJest(args, { stderr = 'inherit', timeoutMs = 0, cwd = projectRoot } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'worker-manager-jest-'));
  const path = join(folder, 'report.json');
  const began = Date.now();
  try {
    const command = [...jestFlags, jestProgram, '--passWithNoTests', '--json', `--outputFile=${path}`, ...args];
    // With --json, jest repeats its report on standard output, for programs.
    const stdio = ['ignore', 'ignore', stderr];
    // Servers, the product's processes and jest's own: whatever ends this run ends them.
    const options = { cwd, stdio, env: jestEnvironment(), timeout: timeoutMs, killSignal: 'SIGKILL', detached: true };
    const { code, signal, leftovers } = await run(process.execPath, command, options);
    if (leftovers && code !== null) say('Processes that the tests had left running were ended.');
    const isLate = timeoutMs > 0 && Date.now() - began >= timeoutMs;
    return { code, signal, isLate, report: readReport(path) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}
