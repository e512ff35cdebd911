import { describe, expect, test } from '@jest/globals';
import { definitionChanges, MAX_CHANGES } from '../../../domain/definition-changes.js';
import type { PoolDefinition } from '../../../domain/evidence.js';

const definition = (changes: Partial<PoolDefinition> = {}): PoolDefinition => ({
  ...{ providerId: 'aws', description: 'builds', owner: 'a@example.com', emailOnError: false },
  config: { minCapacity: 0, maxCapacity: 10 },
  launchConfigs: [{ launchConfigId: 'lc-a', revision: 1, configuration: { region: 'r', tags: ['x'], none: {} } }],
  ...changes,
});

describe('definitionChanges', () => {
  test('definitionChanges names each value that is another one, with what it was and is', () => {
    const after = definition({ owner: 'b@example.com', config: { minCapacity: 0, maxCapacity: 20 } });
    expect(definitionChanges(definition(), after)).toEqual([
      { path: 'config.maxCapacity', before: 10, after: 20 },
      { path: 'owner', before: 'a@example.com', after: 'b@example.com' },
    ]);
    expect(definitionChanges(definition(), definition())).toEqual([]);
  });

  test('definitionChanges tells launch configs apart by their ids, whatever their order and revision', () => {
    const [a] = definition().launchConfigs;
    const b = { launchConfigId: 'lc-b', revision: 1, configuration: { region: 's' } };
    const changed = { ...a!, revision: 2, configuration: { region: 'r', tags: ['x', 'y'], none: {} } };
    expect(definitionChanges(definition(), definition({ launchConfigs: [b, changed] }))).toEqual([
      { path: 'launchConfigs.lc-a.tags', before: ['x'], after: ['x', 'y'] },
      { path: 'launchConfigs.lc-b.region', after: 's' },
    ]);
    expect(definitionChanges(definition(), definition({ launchConfigs: [] }))).toEqual([
      { path: 'launchConfigs.lc-a.none', before: {} },
      { path: 'launchConfigs.lc-a.region', before: 'r' },
      { path: 'launchConfigs.lc-a.tags', before: ['x'] },
    ]);
  });

  test('definitionChanges has all values of a new definition, and no more than a page of them', () => {
    expect(definitionChanges(null, definition()).map(({ path }) => path)).toContain('config.maxCapacity');
    const many = Object.fromEntries(Array.from({ length: 2 * MAX_CHANGES }, (_, n) => [`k${n}`, n]));
    const launchConfigs = [{ launchConfigId: 'lc-a', revision: 1, configuration: many }];
    expect(definitionChanges(null, definition({ launchConfigs }))).toHaveLength(MAX_CHANGES);
  });
});
