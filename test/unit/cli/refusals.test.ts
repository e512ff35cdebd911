import { describe, expect, test } from '@jest/globals';
import { machineProblems, namespaceProblems, prefixProblems } from '../../../cli/checks.js';

describe('namespaceProblems', () => {
  test('namespaceProblems finds none in a namespace that belongs to nobody or to this deployment', () => {
    expect(namespaceProblems('prod', null, 'ours')).toEqual([]);
    expect(namespaceProblems('prod', null, null)).toEqual([]);
    expect(namespaceProblems('prod', 'ours', 'ours')).toEqual([]);
  });

  test.each(['ours', null])(
    'namespaceProblems names the deployment that owns the namespace when the database has %s',
    (deployment) => {
      expect(namespaceProblems('prod', 'theirs', deployment)).toEqual([
        `temporal.namespace: prod belongs to deployment theirs, and this database to ${deployment ?? 'none yet'}; use a namespace of its own`,
      ]);
    },
  );
});

describe('prefixProblems', () => {
  const deployment = (taskQueuePrefix: string | null) => ({ deploymentId: 'd', deploymentKey: 'k', taskQueuePrefix });

  test('prefixProblems finds one only where lifecycles are open under another prefix', () => {
    expect(prefixProblems(deployment('old'), 'new', 3)).toEqual([
      'temporal.taskQueuePrefix: 3 lifecycles are open under old; keep it until they have stopped',
    ]);
    expect(prefixProblems(deployment('old'), 'new', 0)).toEqual([]);
    expect(prefixProblems(deployment('old'), 'old', 3)).toEqual([]);
    expect(prefixProblems(deployment(null), 'new', 3)).toEqual([]);
  });
});

describe('machineProblems', () => {
  const aws = {
    providerType: 'aws',
    endpoint: null,
    regions: null,
    identityCertificates: null,
    draining: false,
  } as const;
  const account = 'AWS at Amazon’s own endpoints';

  test('machineProblems names every provider with live workers that was removed or now means another account', () => {
    const live = ['gone', 'kept', 'moved', 'new'].map((providerId) => ({ providerId, workers: 2 }));
    const accounts = new Map([
      ['kept', account],
      ['moved', 'AWS at an emulator'],
    ]);
    expect(machineProblems({ providers: { kept: aws, moved: aws, new: aws } }, live, accounts)).toEqual([
      'providers.gone: 2 workers of it are alive; keep it, with draining: true, until they have stopped',
      expect.stringMatching(
        `^providers.moved: 2 workers of it are alive in AWS at an emulator, and it now means ${account}; `,
      ),
    ]);
  });

  test('machineProblems finds none where no worker is alive', () => {
    expect(machineProblems({ providers: {} }, [], new Map([['gone', account]]))).toEqual([]);
  });
});
