import { describe, expect, test } from '@jest/globals';
import type { ProviderConfig } from '../../../config/schema.js';
import { accountOf, budgetsOf } from '../../../providers/configured.js';

const subscriptionId = '11111111-2222-3333-4444-555555555555';
const aws = (changes: object = {}) =>
  ({ providerType: 'aws', endpoint: null, regions: null, identityCertificates: null, ...changes }) as ProviderConfig;
const azure = (changes: object = {}) =>
  ({ providerType: 'azure', subscriptionId, resourceGroupName: 'rg', endpoint: null, ...changes }) as ProviderConfig;
const budgetOf = (providerId: string, config: ProviderConfig) => budgetsOf({ [providerId]: config })(providerId);
const key = (accessKeyId: string) => ({ credentials: { accessKeyId, secretAccessKey: 'secret' } });

describe('accountOf', () => {
  test('a provider’s account changes with the endpoint and with the subscription', () => {
    expect(accountOf(aws({ endpoint: 'https://ec2.example.com' }))).not.toBe(accountOf(aws()));
    expect(accountOf(azure({ subscriptionId: subscriptionId.replace('5', '6') }))).not.toBe(accountOf(azure()));
    expect(accountOf(azure({ endpoint: 'https://management.example.com' }))).not.toBe(accountOf(azure()));
  });

  test('a provider’s account stays with other keys, another resource group, another spelling, and an emulator’s other port', () => {
    expect(accountOf(aws(key('one')))).toBe(accountOf(aws(key('two'))));
    expect(accountOf(azure({ resourceGroupName: 'other' }))).toBe(accountOf(azure()));
    const letters = 'AAAAAAAA-2222-3333-4444-555555555555';
    expect(accountOf(azure({ subscriptionId: letters }))).toBe(
      accountOf(azure({ subscriptionId: letters.toLowerCase() })),
    );
    expect(accountOf(aws({ endpoint: 'http://127.0.0.1:1' }))).toBe(accountOf(aws({ endpoint: 'http://127.0.0.1:2' })));
  });

  test('a static provider has no account', () => {
    expect(accountOf({ providerType: 'static' })).toBeNull();
  });
});

describe('budgetOf', () => {
  test('a provider’s budget of calls is that of its account, whatever the provider is called', () => {
    expect(budgetOf('a', aws(key('one')))).toBe(budgetOf('b', aws(key('one'))));
    expect(budgetOf('a', azure())).toBe(budgetOf('b', azure({ resourceGroupName: 'other' })));
  });

  test('a provider’s budget of calls is another one for other keys, endpoints, subscriptions and clouds', () => {
    const budgets = [
      aws(),
      aws(key('one')),
      aws(key('two')),
      aws({ endpoint: 'https://ec2.example.com' }),
      azure(),
      azure({ subscriptionId: subscriptionId.replace('5', '6') }),
    ].map((config) => budgetOf('a', config));
    expect(new Set(budgets).size).toBe(6);
  });

  test('a provider’s budget of calls does not reveal the access key', () => {
    expect(budgetOf('a', aws(key('AKIAVISIBLE')))).not.toContain('AKIAVISIBLE');
  });
});
