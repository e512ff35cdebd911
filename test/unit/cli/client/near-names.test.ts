import { expect, test } from '@jest/globals';
import { nearest } from '../../../../cli/client/show.js';

test('an unknown pool has the pools whose names share most with it', () => {
  const pools = ['proj-ci/linux', 'proj-ci/linux-large', 'proj-ci/windows', 'infra/build'];
  expect(nearest('proj-ci/linx', pools)).toEqual(['proj-ci/linux', 'proj-ci/windows', 'proj-ci/linux-large']);
  expect(nearest('other/thing', pools)).toEqual([]);
});
