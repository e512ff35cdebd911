import { test } from '@jest/globals';

/**
 * A proof has two forms: `npm test` runs the short one, `npm run test:long` (LONG=1) the one at full length.
 * `scripts/test.mjs` finds the files with two forms by their import of this one.
 */
export const isLong = process.env['LONG'] === '1';

/** The form of this run. */
export const proofSize = <T>(forms: { readonly short: T; readonly long: T }): T => (isLong ? forms.long : forms.short);

/** For a test that the short form leaves out: what it shows is shown in parts by smaller ones. */
export const longTest = isLong ? test : test.skip;
