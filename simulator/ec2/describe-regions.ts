import type { Performed } from './performed.js';
import type { Parameters } from './parameters.js';
import { element, set } from './xml.js';

export function describeRegions(regions: readonly string[], parameters: Parameters): Performed {
  const requested = parameters.list('RegionName');
  const shown = requested.length ? regions.filter((region) => requested.includes(region)) : regions;
  return {
    body: set(
      'regionInfo',
      shown.map(
        (region) =>
          element('regionName', region) +
          element('regionEndpoint', `ec2.${region}.amazonaws.com`) +
          element('optInStatus', 'opt-in-not-required'),
      ),
    ),
  };
}
