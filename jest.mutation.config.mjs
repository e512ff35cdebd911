import config from './jest.config.mjs';

/** The tests that mutations of `domain/` run against: the pure ones. */
const unit = config.projects.find(({ displayName }) => displayName === 'unit');

export default { ...unit, testMatch: ['<rootDir>/test/unit/domain/**/*.test.ts'], testTimeout: config.testTimeout };
