import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { identifierPattern, workerPoolIdPattern } from '../../../../domain/ids.js';
import {
  deleteRequestId,
  isDiskName,
  isMachineName,
  labelValue,
  launchLabel,
  launchRequestId,
  machineNames,
  namePrefix,
} from '../../../../providers/google/names.js';
import { ownDescription, ownLabels, readTags } from '../../../../providers/google/tags.js';

const NAME = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;
const LABEL_KEY = /^[a-z][a-z0-9_-]{0,62}$/;
const LABEL_VALUE = /^[a-z0-9_-]{0,63}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const token = fc.string({ minLength: 1, maxLength: 64, unit: fc.constantFrom(...'abcXYZ019._-~'.split('')) });
const tags = fc.record({
  token,
  workerPoolId: fc.stringMatching(workerPoolIdPattern),
  owner: fc.emailAddress(),
  launchConfigId: fc.stringMatching(identifierPattern),
  providerId: fc.stringMatching(identifierPattern),
  deploymentId: fc.uuid(),
});

describe('names of a launch', () => {
  test('names of a launch are valid and different for every pool id that the API takes', () => {
    fc.assert(
      fc.property(fc.stringMatching(workerPoolIdPattern), token, (workerPoolId, launch) => {
        const names = machineNames(namePrefix(workerPoolId, launch), 500);
        expect(new Set(names).size).toBe(500);
        for (const name of [names[0], names[35], names[36], names[499]]) expect(name).toMatch(NAME);
      }),
    );
  });

  test('names of a launch are known from those of another launch, of another pool and of copies', () => {
    fc.assert(
      fc.property(fc.stringMatching(workerPoolIdPattern), token, token, (pool, launch, other) => {
        fc.pre(launch !== other);
        const names = machineNames(namePrefix(pool, launch), 500);
        for (const name of [names[0]!, names[35]!, names[36]!, names[499]!]) {
          expect(isMachineName(name, pool, launch)).toBe(true);
          expect(isMachineName(name, pool, other)).toBe(false);
          expect(isMachineName(name, `other${pool}`, launch)).toBe(false);
          for (const added of ['-1', '-copy', 'copy', '-'])
            expect(isMachineName(name + added, pool, launch)).toBe(false);
          for (const disk of [name, `${name}-1`]) {
            expect([isDiskName(disk, launchLabel(launch)), isDiskName(disk, launchLabel(other))]).toEqual([
              true,
              false,
            ]);
          }
          for (const copy of [`${name}-copy`, `${name}-1-1`, `${name}copy`]) {
            expect(isDiskName(copy, launchLabel(launch))).toBe(false);
          }
        }
        expect(isMachineName(`${namePrefix(pool, launch)}${(500).toString(36)}`, pool, launch)).toBe(false);
      }),
    );
  });

  test('names of a launch differ between launches of one pool', () => {
    expect(namePrefix('proj/pool', 'a')).not.toBe(namePrefix('proj/pool', 'b'));
  });

  test('names of a launch show the pool to people', () => {
    expect(namePrefix('Proj_1/ci', 'token-1')).toMatch(/^proj-1-ci-[0-9a-f]{16}-$/);
    expect(namePrefix('1st/ci', 'token-1')).toMatch(/^w1st-ci-/);
    expect(namePrefix(`_${'x'.repeat(37)}/pool`, 'token-1')).toMatch(/^w-x{34}-[0-9a-f]{16}-$/);
  });
});

describe('labels of a launch', () => {
  test('labels of a launch are valid for every pool id, owner, provider and launch config that the API takes', () => {
    fc.assert(
      fc.property(tags, (each) => {
        for (const [key, value] of Object.entries(ownLabels(each))) {
          expect(key).toMatch(LABEL_KEY);
          expect(value).toMatch(LABEL_VALUE);
        }
      }),
    );
  });

  test('labels of a launch have Taskcluster’s names, and ours', () => {
    const each = {
      token: 'token.1',
      workerPoolId: 'Proj/Pool',
      owner: 'Me+you@example.com',
      launchConfigId: 'lc-ABC',
      providerId: 'My_Google',
      deploymentId: 'c0ffee00-0000-4000-8000-000000000001',
    };
    expect(ownLabels(each)).toEqual({
      'created-by': 'taskcluster-wm-my_google',
      'managed-by': 'taskcluster',
      'worker-pool-id': 'proj-pool',
      owner: 'me-you-example-com',
      'launch-config-id': 'lc-abc',
      'worker-manager-deployment': 'c0ffee00-0000-4000-8000-000000000001',
      'worker-manager-launch': launchLabel('token.1'),
    });
  });

  test('labels of a launch take a text of any length', () => {
    expect(labelValue(`${'é'.repeat(200)}@example.com`)).toBe('-'.repeat(63));
  });
});

describe('the description of an instance', () => {
  const read = (each: Parameters<typeof ownLabels>[0], description?: string) =>
    readTags({ labels: ownLabels(each), description: description ?? ownDescription(each) }, each.deploymentId);

  test('the description of an instance gives the launch and the pool back, whatever they are', () => {
    fc.assert(
      fc.property(tags, fc.option(fc.string()), (each, given) => {
        const { token: launchToken, workerPoolId } = each;
        expect(read(each, ownDescription(each, given ?? undefined))).toEqual({ launchToken, workerPoolId });
      }),
    );
  });

  test('the description of an instance is not believed where it does not fit the labels', () => {
    const [each] = fc.sample(tags, { numRuns: 1, seed: 1 });
    const none = { launchToken: null, workerPoolId: null };
    expect(read(each!, ownDescription({ ...each!, token: 'another' }))).toEqual(none);
    expect(read(each!, ownDescription({ ...each!, workerPoolId: 'another/pool' }))).toEqual(none);
    expect(read(each!, 'something else')).toEqual(none);
  });

  test('the description of an instance says nothing of an instance of another deployment', () => {
    const [each] = fc.sample(tags, { numRuns: 1, seed: 1 });
    const labels = ownLabels(each!);
    expect(readTags({ labels, description: ownDescription(each!) }, 'another').launchToken).toBeNull();
    expect(readTags({}, 'another').launchToken).toBeNull();
  });
});

describe('request ids', () => {
  test('request ids are UUIDs, the same for the same launch and for no other', () => {
    fc.assert(
      fc.property(token, token, (one, other) => {
        expect(launchRequestId(one)).toMatch(UUID);
        expect(launchRequestId(one) === launchRequestId(other)).toBe(one === other);
      }),
    );
  });

  test('request ids of deletions differ by machine and by turn', () => {
    const ids = [
      deleteRequestId('1', 'a'),
      deleteRequestId('1', 'b'),
      deleteRequestId('2', 'a'),
      launchRequestId('1 a'),
    ];
    expect(new Set(ids).size).toBe(4);
    for (const id of ids) expect(id).toMatch(UUID);
    expect(deleteRequestId('1', 'a')).toBe(ids[0]);
  });
});
