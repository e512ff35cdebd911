/**
 * StrykerJS's runner for tests of pure code: loads them once into its process and runs them again for each mutation, in
 * milliseconds, where Jest would set up its environment anew. Only what changes a module while it loads is loaded anew.
 * The tests are Jest's own files; `describe`, `test` and `expect` come from this module in place of `@jest/globals`.
 */
import { globSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin';
import {
  determineHitLimitReached,
  DryRunStatus,
  TestStatus,
  toMutantRunResult,
} from '@stryker-mutator/api/test-runner';
import { bind } from 'jest-each';

export { expect } from 'expect';

/** Stryker's instrumented code reads here which mutation is active, and counts here what it reaches. */
const stryker = (globalThis.__stryker__ ??= {});

/** What the test files register while they load. */
let registered = [];
let file = '';
const titles = [];

export function describe(title, define) {
  titles.push(title);
  define();
  titles.pop();
}

export function test(title, run) {
  const id = `${file} › ${[...titles, title].join(' › ')}`;
  registered.push({ id, fileName: resolve(file), run });
}

test.each = bind(test, false);
describe.each = bind(describe, false);

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === '@jest/globals') return { url: import.meta.url, shortCircuit: true };
    const parent = context.parentURL ?? '';
    const generation = /\.ts(\?generation=\d+)$/.exec(parent)?.[1];
    if (!generation || !specifier.startsWith('.')) return next(specifier, context);
    const { url } = next(specifier.replace(/\.js$/, '.ts'), context);
    return { url: url + generation, format: 'module-typescript', shortCircuit: true };
  },
});

/**
 * A test that reaches a mutation this many times as often as without it, and at least so often, runs in an endless
 * loop, however slow the machine is.
 */
const ENDLESS_FACTOR = 100;
const MIN_ENDLESS_HITS = 10_000;

class PureTestRunner {
  static inject = ['options'];
  files;
  generation = 0;
  /** Loaded without a mutation; those that do least first. */
  tests = [];
  results = [];
  coverage;

  constructor({ pureTests }) {
    this.files = globSync(pureTests.files, { exclude: pureTests.exclude }).toSorted();
  }

  capabilities() {
    return { reloadEnvironment: true };
  }

  /** Each process runs the tests once for itself, and counts how often each reaches each mutation. */
  async init() {
    this.tests = await this.load();
    for (const each of this.tests) this.results.push(await resultOf(each));
    // A copy, because mutated code goes on counting.
    this.coverage = structuredClone(stryker.mutantCoverage);
    this.tests = this.inOrder(this.tests);
  }

  dryRun() {
    return { status: DryRunStatus.Complete, tests: this.results, mutantCoverage: this.coverage };
  }

  async mutantRun({ activeMutant: { id }, testFilter, disableBail, reloadEnvironment }) {
    try {
      stryker.activeMutant = id;
      const tests = reloadEnvironment ? this.inOrder(await this.load()) : this.tests;
      const chosen = testFilter ? tests.filter((each) => testFilter.includes(each.id)) : tests;
      return toMutantRunResult(await this.run(chosen, id, disableBail), disableBail);
    } catch (error) {
      return { status: DryRunStatus.Error, errorMessage: String(error?.stack ?? error) };
    } finally {
      Object.assign(stryker, { activeMutant: undefined, hitLimit: undefined, hitCount: undefined });
    }
  }

  hitsOf({ id }) {
    return this.coverage.perTest[id] ?? {};
  }

  /** By what they do, not by what time it took: each run finds the same. */
  inOrder(tests) {
    const work = (test) => Object.values(this.hitsOf(test)).reduce((sum, hits) => sum + hits, 0);
    const sums = new Map(tests.map((test) => [test, work(test)]));
    return tests.toSorted((a, b) => sums.get(a) - sums.get(b));
  }

  async run(tests, mutantId, disableBail) {
    const results = [];
    for (const each of tests) {
      stryker.hitCount = 0;
      stryker.hitLimit = Math.max(MIN_ENDLESS_HITS, ENDLESS_FACTOR * this.hitsOf(each)[mutantId] || 0);
      const result = await resultOf(each);
      const endless = determineHitLimitReached(stryker.hitCount, stryker.hitLimit);
      if (endless) return endless;
      results.push(result);
      if (!disableBail && result.status === TestStatus.Failed) break;
    }
    return { status: DryRunStatus.Complete, tests: results };
  }

  /** The same tests of modules that are loaded anew: Node keeps one of each URL. */
  async load() {
    this.generation += 1;
    registered = [];
    for (const each of this.files) {
      file = each;
      await import(`${pathToFileURL(resolve(file)).href}?generation=${this.generation}`);
    }
    return registered;
  }
}

async function resultOf({ id, fileName, run }) {
  const started = performance.now();
  stryker.currentTestId = id;
  const failureMessage = await failureOf(run);
  stryker.currentTestId = undefined;
  const status = failureMessage === null ? TestStatus.Success : TestStatus.Failed;
  return { id, name: id, fileName, timeSpentMs: performance.now() - started, status, failureMessage };
}

async function failureOf(run) {
  try {
    await run();
    return null;
  } catch (error) {
    return String(error?.message ?? error);
  }
}

/** Stryker warns of options that no plugin says it has. */
export const strykerValidationSchema = {
  properties: { pureTests: { type: 'object', required: ['files', 'exclude'] } },
};
export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'pure', PureTestRunner)];
