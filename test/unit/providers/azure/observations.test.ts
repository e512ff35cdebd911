import { describe, expect, test } from '@jest/globals';
import { observationOf, resourcesByWorker } from '../../../../providers/azure/observe/observations.js';
import type { Resource } from '../../../../providers/azure/model/resources.js';

const deployment = 'c0ffee00-0000-4000-8000-000000000001';
const workerId = `vm-${'a'.repeat(35)}`;
const vmId = `/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/${workerId}`;
const place = { account: 's', group: 'g' };
const hex = '0123456789abcdef'.repeat(2);
const tagSet = {
  'worker-manager-deployment': deployment,
  'worker-manager-launch': 'token',
  'worker-pool-id': 'proj/pool',
  'worker-group': 'eastus',
  'worker-id': workerId,
};
const resource = (step: Resource['step'], changes: Partial<Resource> = {}): Resource => ({
  step,
  id: step === 'vm' ? vmId : `/${step}`,
  name: step,
  location: 'eastus',
  tags: tagSet,
  state: 'running',
  reason: null,
  heldBy: null,
  isSettled: true,
  ...changes,
});
const disk = (changes: Partial<Resource> = {}) => resource('disks', { heldBy: vmId.toLowerCase(), ...changes });
const observe = (resources: Resource[]) =>
  [...resourcesByWorker(resources, deployment)].map(([id, own]) => observationOf(id, own, place));

describe('resourcesByWorker', () => {
  test('a listing is grouped by machine, with its tags', () => {
    expect(observe([disk(), resource('vm'), resource('networkInterface'), resource('publicIp')])).toEqual([
      {
        workerGroup: 'eastus',
        workerId,
        location: { account: 's', group: 'g', region: 'eastus' },
        state: 'running',
        reason: null,
        launchToken: 'token',
        workerPoolId: 'proj/pool',
        resources: { publicIp: 'running', networkInterface: 'running', vm: 'running', disks: 'running' },
      },
    ]);
  });

  test('a listing leaves out copies of all tags under other names, where a worker’s names follow from its id', () => {
    const named = { ...tagSet, 'worker-manager-names': 'follow-worker-id' };
    const suffix = workerId.slice(3);
    const own = [
      resource('vm', { name: workerId, tags: named }),
      resource('networkInterface', { name: `NIC-${suffix.slice(0, 20)}`, tags: named }),
      resource('publicIp', { name: `pip-${suffix.slice(0, 20)}`, tags: named }),
      disk({ name: `disk-${suffix}-os`, tags: named }),
      disk({ name: `disk-${suffix}-2`, tags: named }),
      disk({ name: `${workerId}_lun_0_2_${hex}`, tags: named }),
    ];
    const copiedVm = resource('vm', { id: `${vmId}-copy`, name: `${workerId}-copy`, tags: named });
    const copies = [
      copiedVm,
      resource('networkInterface', { name: `nic-${suffix.slice(0, 20)}-copy`, tags: named }),
      resource('networkInterface', { name: 'theirs', tags: {}, heldBy: copiedVm.id.toLowerCase() }),
      disk({ name: `${workerId}-backup`, tags: named, heldBy: null }),
    ];
    expect([...resourcesByWorker([...copies, ...own], deployment)]).toEqual([[workerId, own]]);
    // Those of a template may be called anything.
    const other = resource('networkInterface', { name: 'anything' });
    expect([...resourcesByWorker([other], deployment)]).toEqual([[workerId, [other]]]);
  });

  test('a listing gives a machine without tags the worker group of its row, wherever it runs', () => {
    expect(observationOf(workerId, [resource('vm', { tags: {} })], place, 'azure')).toMatchObject({
      workerGroup: 'azure',
      location: { account: 's', group: 'g', region: 'azure' },
    });
  });

  test('a listing shows what there is of a machine that is being built', () => {
    expect(observe([resource('networkInterface', { state: 'pending' })])).toMatchObject([
      { state: 'pending', resources: { networkInterface: 'pending' } },
    ]);
    expect(observe([resource('networkInterface', { state: 'failed', reason: 'why' })])).toMatchObject([
      { state: 'failed', reason: 'networkInterface: why' },
    ]);
  });

  test('a listing counts a second resource of a kind: the worst stands for all', () => {
    expect(
      observe([
        resource('vm'),
        resource('networkInterface'),
        resource('networkInterface', { state: 'stopping' }),
        disk(),
        disk({ state: 'failed' }),
      ]),
    ).toMatchObject([{ state: 'running', resources: { networkInterface: 'stopping', disks: 'failed' } }]);
  });

  test('a listing assigns resources without tags by the VM that holds them, and Azure’s own disks by name when none does', () => {
    const bare = { tags: {} };
    expect(
      observe([resource('vm'), disk(bare), resource('networkInterface', { ...bare, heldBy: vmId.toLowerCase() })]),
    ).toMatchObject([{ workerId, resources: { networkInterface: 'running', disks: 'running' } }]);
    const left = disk({ ...bare, heldBy: null, name: `${workerId}_OsDisk_1_${hex}` });
    expect(observe([left])).toMatchObject([{ workerId, workerGroup: 'eastus', state: 'stopping', launchToken: null }]);
    expect(observe([disk({ ...bare, heldBy: null, name: `disk-${'a'.repeat(35)}-os` })])).toHaveLength(1);
    expect(observe([disk({ ...bare, heldBy: null, name: 'somebody-elses' })])).toEqual([]);
  });

  test.each([
    [`${workerId}_OsDisk_1_${hex}`, true],
    [`${workerId.toUpperCase()}_OSDISK_1_${hex.toUpperCase()}`, true],
    [`${workerId}_disk2_${hex}`, true],
    [`disk-${'a'.repeat(35)}-os`, true],
    [`disk-${'a'.repeat(35)}-12`, true],
    [`${workerId}_OsDisk_1_${hex}-forensics`, false],
    [`${workerId}_OsDisk_1_0123`, false],
    [`${workerId}_notes`, false],
    [`disk-${'a'.repeat(35)}-os-copy`, false],
    [`copy-of-disk-${'a'.repeat(35)}-os`, false],
  ])('a listing takes a disk without tags that is called %s for a machine’s: %s', (name, isOurs) => {
    expect(observe([disk({ tags: {}, heldBy: null, name })]).map((one) => one.workerId)).toEqual(
      isOurs ? [workerId] : [],
    );
  });

  test('a listing shows of a disk that no VM holds that its VM is gone', () => {
    expect(observe([resource('networkInterface'), disk({ heldBy: null })])).toMatchObject([
      { state: 'stopping', reason: 'its VM is gone' },
    ]);
    expect(observe([resource('networkInterface'), disk({ heldBy: null, isSettled: false })])).toMatchObject([
      { state: 'pending' },
    ]);
    // A list that misses the VM for a moment.
    expect(observe([resource('networkInterface'), disk()])).toMatchObject([{ state: 'pending' }]);
  });

  test('a listing leaves out what is another deployment’s or nobody’s', () => {
    const tags = { ...tagSet, 'worker-manager-deployment': 'theirs' };
    const own = resource('vm', { tags });
    const named = disk({ tags, name: `${workerId}_OsDisk_1_${hex}` });
    expect(observe([own, named, resource('publicIp', { tags: {} })])).toEqual([]);
  });

  test('a listing leaves out what bears the tags of others, tracked or not', () => {
    const tracked = new Map([['/vm', workerId]]);
    const seen = (tags: Resource['tags']) =>
      resourcesByWorker([resource('vm', { id: '/vm', tags })], deployment, tracked).has(workerId);
    expect(seen({})).toBe(true);
    expect(seen(tagSet)).toBe(true);
    expect(seen({ 'worker-manager-deployment': 'theirs' })).toBe(false);
    expect(seen({ 'worker-id': 'another' })).toBe(false);
    expect(seen({ ...tagSet, 'worker-id': 'another' })).toBe(false);
  });
});
