/**
 * `npm run mutate`: changes the pure rules of `domain/` one expression at a time; a change that no unit test notices
 * survives. The score may not fall below the threshold. Survivors are listed, with the reason why each may live, in
 * `test/mutation/survivors.md`.
 */
export default {
  mutate: ['domain/**/*.ts', '!domain/demand-source.ts', 'api/pools/launch-config-id.ts'],
  plugins: ['./scripts/pure-test-runner.mjs'],
  testRunner: 'pure',
  // Without the proofs over hundreds of thousands of states, which take seconds: what only a proof would notice
  // survives.
  pureTests: {
    files: ['test/unit/domain/**/*.test.ts', 'test/unit/api/pools/launch-config-id.test.ts'],
    exclude: ['**/decision-properties.test.ts', '**/pool-over-time.test.ts'],
  },
  coverageAnalysis: 'perTest',
  // TypeScript 7 has no compiler API for Stryker to read a tsconfig with; nothing here needs one.
  tsconfigFile: 'no-tsconfig.json',
  // A busy machine is no endless loop.
  timeoutMS: 30_000,
  concurrency: 2,
  tempDirName: '.mutation/domain',
  reporters: ['progress-append-only', 'clear-text', 'json'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  jsonReporter: { fileName: '.mutation/domain.json' },
  thresholds: { high: 95, low: 90, break: 90 },
};
