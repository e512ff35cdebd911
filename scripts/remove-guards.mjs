/**
 * Removes guards (`guards.mjs`) from a copy of the checkout, one after the other, and runs the test of each on what is
 * left.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { guardedFolders, guardsOf } from './guards.mjs';
import { runJest } from './jest.mjs';
import { endingSignals, projectRoot } from './node.mjs';
import { verdictOf } from './test-verdict.mjs';

const results = join(projectRoot, '.mutation', 'guards.json');
/** Code without a guard may run for ever. */
const TESTS_TIMEOUT_MS = 5 * 60_000;

/** All guards, or those with a part of `wanted` in their name. Whether every one was caught. */
export async function removeGuards(wanted) {
  const tests = JSON.parse(readFileSync(join(projectRoot, 'test/mutation/guards.json'), 'utf8'));
  const files = sourceFiles();
  const guards = chosenGuards(files, wanted).map((guard) => ({ ...guard, of: tests[guard.name] }));
  for (const { name, of } of guards) if (!of) throw new Error(`test/mutation/guards.json names no test for ${name}`);
  // A file's guards one after another: that its tests pass with them is seen once.
  guards.sort((a, b) => a.of.test.localeCompare(b.of.test) || a.name.localeCompare(b.name));
  const width = Math.max(...guards.map(({ name }) => name.length));
  const trial = new Trial(files);
  const survivors = [];
  const seen = [];
  try {
    for (const guard of guards) {
      const began = Date.now();
      const alike = guards.filter(({ of }) => of.test === guard.of.test).map(({ of }) => of.title);
      const verdict = await trial.without(guard, alike);
      if (trial.isStopped) {
        trial.end();
        process.exit(130);
      }
      const seconds = Math.round((Date.now() - began) / 1000);
      if (!verdict.isCaught) survivors.push(guard.name);
      const word = verdict.isCaught ? 'caught  ' : 'SURVIVED';
      console.log(`${word} ${guard.name.padEnd(width)} ${String(seconds).padStart(4)} s  ${verdict.summary}`);
      seen.push({ name: guard.name, file: guard.file, test: guard.of.test, seconds, ...verdict });
      writeFileSync(results, JSON.stringify(seen, null, 2));
    }
  } finally {
    trial.end();
  }
  if (survivors.length > 0) console.log(`Survived: ${survivors.join(', ')}`);
  console.log(`${guards.length - survivors.length} caught, ${survivors.length} survived`);
  return survivors.length === 0;
}

function chosenGuards(files, wanted) {
  const all = files
    .filter((file) => file.endsWith('.ts') && guardedFolders.includes(file.split('/')[0]))
    .flatMap((file) => guardsOf(readFileSync(join(projectRoot, file), 'utf8'), file));
  for (const part of wanted)
    if (!all.some(({ name }) => name.includes(part))) throw new Error(`No guard named ${part}`);
  return wanted.length === 0 ? all : all.filter(({ name }) => wanted.some((part) => name.includes(part)));
}

/** Committed or not. */
function sourceFiles() {
  const command = ['ls-files', '--cached', '--others', '--exclude-standard'];
  const listed = execFileSync('git', command, { cwd: projectRoot, encoding: 'utf8' }).split('\n').filter(Boolean);
  return listed.filter((file) => existsSync(join(projectRoot, file)));
}

/** A copy of the checkout to break, and the runs of tests in it. */
class Trial {
  #tree;
  /** By test file: the report of its tests while every guard is there. */
  #reports = new Map();
  /** A signal has come, which ends the tests that run. */
  isStopped = false;
  #onSignal = () => {
    this.isStopped = true;
  };

  constructor(files) {
    mkdirSync(join(projectRoot, '.mutation'), { recursive: true });
    this.#tree = mkdtempSync(join(projectRoot, '.mutation', 'guards-'));
    for (const file of files) {
      mkdirSync(dirname(join(this.#tree, file)), { recursive: true });
      cpSync(join(projectRoot, file), join(this.#tree, file));
    }
    symlinkSync(join(projectRoot, 'node_modules'), join(this.#tree, 'node_modules'));
    for (const name of endingSignals) process.on(name, this.#onSignal);
  }

  /** `titles`: of all tests in the guard's test file that will be needed. */
  async without({ file, of, apply }, titles) {
    if (!this.#reports.has(of.test)) this.#reports.set(of.test, await this.#run(of.test, titles.join('|')));
    const path = join(this.#tree, file);
    const original = readFileSync(path, 'utf8');
    const withGuard = this.#reports.get(of.test);
    return await verdictOf(of, withGuard, async () => {
      writeFileSync(path, apply());
      try {
        return await this.#run(of.test, of.title);
      } finally {
        writeFileSync(path, original);
      }
    });
  }

  /** Jest's report; null when there is none. */
  async #run(test, title) {
    if (this.isStopped) return null;
    const args = ['--forceExit', '--testNamePattern', title, '--runTestsByPath', join(this.#tree, test)];
    const { report } = await runJest(args, { cwd: this.#tree, stderr: 'ignore', timeoutMs: TESTS_TIMEOUT_MS });
    return report;
  }

  end() {
    for (const name of endingSignals) process.removeListener(name, this.#onSignal);
    rmSync(this.#tree, { recursive: true, force: true });
  }
}
