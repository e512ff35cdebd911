import { describe, expect, test } from '@jest/globals';
import { isDeletedWhenEvicted, templateDeletesEvicted } from '../../../../providers/azure/model/spot.js';
import { vmResource } from '../../../../providers/azure/model/resources.js';

const type = 'Microsoft.Compute/virtualMachines';

describe('isDeletedWhenEvicted', () => {
  test.each([
    ['Spot', 'Delete', true],
    // As definitions of Taskcluster’s have it.
    ['spot', 'Delete', true],
    ['Spot', 'Deallocate', false],
    ['Spot', undefined, false],
    ['Regular', 'Delete', false],
    [undefined, undefined, false],
  ])('a VM of priority %s and eviction policy %s is deleted when it is evicted: %s', (priority, evictionPolicy, is) => {
    expect(isDeletedWhenEvicted({ priority, evictionPolicy })).toBe(is);
  });
});

describe('templateDeletesEvicted', () => {
  const spot = { priority: 'Spot', evictionPolicy: 'Delete' };
  const templateOf = (resources: object, parameters = {}) => ({
    ...{ mode: 'Incremental' as const, parameters },
    template: { resources, parameters: { policy: { defaultValue: 'Delete' } } },
  });

  test.each([
    ['in a list', templateOf([{ type, properties: spot }])],
    ['by name', templateOf({ vm: { type, properties: spot } })],
    [
      'by a parameter',
      templateOf([{ type, properties: { ...spot, priority: "[parameters('kind')]" } }], { kind: { value: 'spot' } }),
    ],
    [
      'by a parameter’s default',
      templateOf([{ type, properties: { ...spot, evictionPolicy: "[ parameters('policy') ]" } }]),
    ],
  ])('a template that says %s that its VM is deleted when it is evicted is understood', (_how, properties) => {
    expect(templateDeletesEvicted(properties)).toBe(true);
  });

  test.each([
    ['of another type', templateOf([{ type: 'Microsoft.Compute/disks', properties: spot }])],
    ['that computes it', templateOf([{ type, properties: { ...spot, priority: "[variables('kind')]" } }])],
    ['elsewhere', { mode: 'Incremental' as const, templateLink: { id: '/somewhere' } }],
  ])('nothing is known of a VM %s', (_what, properties) => {
    expect(templateDeletesEvicted(properties)).toBe(false);
  });
});

test('a Spot VM is known as one in whatever case Azure says it', () => {
  const statuses = [{ code: 'PowerState/deallocated', message: null }];
  expect(vmResource({ location: 'westus2', priority: 'spot' }, statuses)).toMatchObject({
    ...{ state: 'failed', reason: 'preempted: the Spot VM is deallocated' },
  });
});
