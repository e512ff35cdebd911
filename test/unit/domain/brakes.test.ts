import { expect, test } from '@jest/globals';
import { allowedMachines } from '../../../domain/brakes.js';

const free = { asked: 10, launchedLastMinute: 0, launchesPerMinute: 500, machines: 0, maxMachines: 5000 };

test.each([
  ['nothing holds', {}, { allowed: 10, brake: null }],
  ['exactly enough is left of both', { launchedLastMinute: 490, machines: 4990 }, { allowed: 10, brake: null }],
  ['the minute is nearly full', { launchedLastMinute: 497 }, { allowed: 3, brake: 'launchesPerMinute' }],
  ['the minute is overfull', { launchedLastMinute: 600 }, { allowed: 0, brake: 'launchesPerMinute' }],
  ['nearly all machines exist', { machines: 4998 }, { allowed: 2, brake: 'machines' }],
  ['more machines exist than may', { machines: 6000 }, { allowed: 0, brake: 'machines' }],
  [
    'both hold and the minute is tighter',
    { launchedLastMinute: 499, machines: 4995 },
    { allowed: 1, brake: 'launchesPerMinute' },
  ],
  [
    'both hold and machines are tighter',
    { launchedLastMinute: 495, machines: 4999 },
    { allowed: 1, brake: 'machines' },
  ],
  ['both hold alike', { launchedLastMinute: 500, machines: 5000 }, { allowed: 0, brake: 'machines' }],
  ['nothing is asked, whatever holds', { asked: 0, machines: 6000 }, { allowed: 0, brake: null }],
  ['less than nothing is asked', { asked: -3 }, { allowed: 0, brake: null }],
  ['no launches are allowed at all', { launchesPerMinute: 0 }, { allowed: 0, brake: 'launchesPerMinute' }],
])('when %s', (_case, fields, verdict) => {
  expect(allowedMachines({ ...free, ...fields })).toEqual(verdict);
});
