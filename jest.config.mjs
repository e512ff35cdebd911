const common = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.worker-manager/', '<rootDir>/.mutation/'],
};

const services = {
  globalSetup: '<rootDir>/test/support/setup-services.mjs',
  globalTeardown: '<rootDir>/test/support/teardown-services.mjs',
};

/** Jest runs the set-up of a project only when one of its tests is to run: unit tests wait for no server. */
const project = (name, setUp) => ({
  ...common,
  ...setUp,
  displayName: name,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
});

export default {
  // Tests wait for conditions; on a busy machine that takes as long as it takes.
  testTimeout: 180_000,
  testSequencer: '<rootDir>/test/support/longest-first.mjs',
  projects: [
    project('unit', {}),
    project('workflows', { globalSetup: '<rootDir>/test/support/setup-workflows.mjs' }),
    project('integration', services),
    project('end-to-end', services),
  ],
};
