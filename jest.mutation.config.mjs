import config from './jest.config.mjs';

/**
 * The tests that mutations of `domain/` run against: the pure ones, without the proofs over hundreds of thousands of states, which
 * take seconds for each of a thousand mutations. What only a proof would notice counts as a survivor.
 */
const proofs = ['decision-properties', 'pool-over-time'];
const unit = config.projects.find(({ displayName }) => displayName === 'unit');

export default {
  ...unit,
  testMatch: ['<rootDir>/test/unit/domain/**/*.test.ts'],
  testTimeout: config.testTimeout,
  testPathIgnorePatterns: proofs,
};
