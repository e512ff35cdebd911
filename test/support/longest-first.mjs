import TestSequencer from '@jest/test-sequencer';

/**
 * Files that take long, at full length above all, in the order in which they start: one that begins last would run
 * alone at the end. Jest itself learns how long files take, but only on a machine that has run them.
 */
const MAX_SECONDS = [
  'integration/activities/pool/launch-in-doubt',
  'integration/providers/shared/azure-throttling',
  'integration/providers/aws/contract',
  'integration/workers/pulse/publisher',
  'integration/workers/pulse/listener',
  'integration/providers/google/contract',
  'integration/providers/shared/rate-limiter',
  'integration/database/client/vanished-client',
  'integration/api/attacks',
  'integration/database/client/open',
  'end-to-end/deploy/image',
  'end-to-end/temporal/silent',
  'end-to-end/database/outage',
  'end-to-end/crash-launch',
  'end-to-end/providers/azure/life',
  'end-to-end/database/silent',
  'end-to-end/adversity',
  'end-to-end/providers/azure/crashes',
  'end-to-end/providers/azure/random-crashes',
  'end-to-end/providers/google/real-pools',
  'end-to-end/pulse/messages',
  'end-to-end/crash-removal',
  'end-to-end/providers/azure/wrong-secret',
  'end-to-end/failing-launches',
  'end-to-end/crash-registration',
  'end-to-end/providers/google/crashes',
  'end-to-end/paused-attempt',
  'end-to-end/cli/check-config',
  'end-to-end/cli/bad-start',
  'end-to-end/chaos',
  'end-to-end/providers/azure/real-pools',
  'end-to-end/providers/azure/secrets',
  'end-to-end/inactive-workers',
].map((name) => `${name}.test.ts`);

/** Its place among the longest; all others come after them. */
function placeOf({ path }) {
  const place = MAX_SECONDS.findIndex((name) => path.replaceAll('\\', '/').endsWith(name));
  return place === -1 ? MAX_SECONDS.length : place;
}

export default class LongestFirst extends TestSequencer {
  sort(tests) {
    return super.sort(tests).toSorted((one, other) => placeOf(one) - placeOf(other));
  }
}
