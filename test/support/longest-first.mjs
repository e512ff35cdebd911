import TestSequencer from '@jest/test-sequencer';

/**
 * Files that take minutes, in the order in which they start: one that begins last would run alone at the end. Jest itself learns
 * how long files take, but only on a machine that has run them.
 */
const LONGEST = [
  'silent-temporal',
  'database-outage',
  'crash-launch',
  'azure-crashes',
  'silent-database',
  'crash-removal',
  'adversity',
  'crash-registration',
  'azure-secrets',
  'failing-launches',
  'azure-random-crashes',
  'azure-wrong-secret',
  'inactive-workers',
  'paused-attempt',
].map((name) => `end-to-end/${name}.test.ts`);

/** Its place among the longest; all others come after them. */
function placeOf({ path }) {
  const place = LONGEST.findIndex((name) => path.replaceAll('\\', '/').endsWith(name));
  return place === -1 ? LONGEST.length : place;
}

export default class LongestFirst extends TestSequencer {
  sort(tests) {
    return super.sort(tests).toSorted((one, other) => placeOf(one) - placeOf(other));
  }
}
