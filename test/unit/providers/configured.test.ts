import { describe, expect, test } from '@jest/globals';
import { scannedProviders } from '../../../activities/scan/scan.js';
import { buildProviders, providersOf } from '../../../providers/configured.js';
import { LimitsUnreadError, ProviderError } from '../../../providers/errors.js';
import { staticProvider } from '../../../providers/static/provider.js';
import { recordedContext } from '../../support/provider-context.js';
import { RecordingCloud } from '../../support/recording-cloud.js';
import { recordingProvider } from '../../support/recording-provider.js';

const contextOf = (providerId: string) => recordedContext({ providerId });
const aws = {
  providerType: 'aws',
  endpoint: null,
  regions: null,
  identityCertificates: null,
  draining: false,
} as const;

describe('the provider registry', () => {
  test('the registry builds what is configured, in its order, and knows the null provider without listing it', async () => {
    const registry = await buildProviders(
      { hand: { providerType: 'static' }, aws: { ...aws, draining: true } },
      contextOf,
    );
    expect(registry.list().map(({ providerId, providerType }) => `${providerId} ${providerType}`)).toEqual([
      'hand static',
      'aws aws',
    ]);
    expect(registry.get('null-provider')?.providerType).toBe('null');
    expect(registry.get('other')).toBeUndefined();
    expect(registry.isDraining('aws')).toBe(true);
    expect(registry.isDraining('hand')).toBe(false);
  });

  test('the registry says which key of which provider is wrong', async () => {
    const build = (changes: object) => buildProviders({ mine: { ...aws, ...changes } }, contextOf);
    await expect(build({ providerType: 'vax' })).rejects.toThrow('must be one of aws, azure, google, static');
    await expect(build({ endpoint: 'http://example.com' })).rejects.toThrow(
      expect.objectContaining({ key: 'providers.mine.endpoint', message: expect.stringContaining('loopback') }),
    );
    await expect(build({ identityCertificates: '/nowhere/certificates.json' })).rejects.toThrow(
      expect.objectContaining({
        key: 'providers.mine.identityCertificates',
        message: expect.stringContaining('ENOENT'),
      }),
    );
  });

  test('the registry has every provider with a cloud scanned, whatever became of its set-up in this process', async () => {
    const cloud = (providerId: string) =>
      recordingProvider(recordedContext({ providerId }), new RecordingCloud(), 'bulk');
    const broken = { ...cloud('broken'), setup: () => Promise.reject(new Error('no credentials')) };
    const registry = providersOf([broken, cloud('sound'), staticProvider(contextOf('hand'))]);
    expect(scannedProviders(registry)).toEqual(['broken', 'sound']);
    await registry.setup();
    expect(['broken', 'sound'].map((providerId) => registry.state(providerId).state)).toEqual(['failed', 'ok']);
    expect(scannedProviders(registry)).toEqual(['broken', 'sound']);
  });

  test('a provider whose set-up fails is unhealthy until a later one succeeds', async () => {
    let failures = 1;
    const flaky = {
      ...staticProvider(contextOf('flaky')),
      setup: async () => {
        if (failures-- > 0) throw new Error('no credentials');
        return [];
      },
    };
    const registry = providersOf([flaky, staticProvider(contextOf('hand'))]);
    expect(registry.state('flaky')).toEqual({ state: 'unknown', message: null, since: null });
    const changes: string[] = [];
    await new Promise<void>((resolve) => {
      const stop = registry.startHealthChecks({
        intervalMs: 5,
        onChange: (providerId, { state, message }) => {
          changes.push(`${providerId} ${state} ${message}`);
          if (providerId === 'flaky' && state === 'ok') {
            stop();
            resolve();
          }
        },
      });
    });
    expect(changes).toContain('flaky failed no credentials');
    expect(registry.state('flaky')).toEqual({ state: 'ok', message: null, since: expect.any(Number) });
    expect(registry.state('hand').state).toBe('ok');
  });

  test('a provider that was well is checked again, and is unhealthy with its second failure in a row', async () => {
    let answer: () => Promise<readonly string[]> = async () => [];
    const registry = providersOf([{ ...staticProvider(contextOf('one')), setup: () => answer() }]);
    await registry.setup();
    answer = () => Promise.reject(new Error('no answer'));
    await registry.setup();
    expect(registry.state('one').state).toBe('ok');
    await registry.setup();
    expect(registry.state('one')).toMatchObject({ state: 'failed', message: 'no answer' });
    answer = async () => [];
    await registry.setup();
    expect(registry.state('one').state).toBe('ok');
  });

  test('a provider that is throttled stays healthy', async () => {
    let answer: () => Promise<readonly string[]> = async () => [];
    const registry = providersOf([{ ...staticProvider(contextOf('one')), setup: () => answer() }]);
    await registry.setup();
    answer = () => Promise.reject(new ProviderError({ code: 'Throttled', message: 'too many' }));
    for (let checks = 0; checks < 3; checks += 1) await registry.setup();
    expect(registry.state('one').state).toBe('ok');
  });

  test('a provider stays what it was while the limits of its calls cannot be read', async () => {
    let answer: () => Promise<readonly string[]> = async () => [];
    const registry = providersOf([{ ...staticProvider(contextOf('one')), setup: () => answer() }]);
    const checkAgain = async () => {
      for (let checks = 0; checks < 3; checks += 1) await registry.setup();
      return registry.state('one').state;
    };
    answer = () => Promise.reject(new LimitsUnreadError(new Error('no answer from the database')));
    expect(await checkAgain()).toBe('unknown');
    answer = async () => [];
    expect(await checkAgain()).toBe('ok');
    answer = () => Promise.reject(new LimitsUnreadError(new Error('no answer from the database')));
    expect(await checkAgain()).toBe('ok');
    answer = () => Promise.reject(new Error('no credentials'));
    expect(await checkAgain()).toBe('failed');
    answer = () => Promise.reject(new LimitsUnreadError(new Error('no answer from the database')));
    expect(await checkAgain()).toBe('failed');
  });

  test('a provider whose account is suspended is unhealthy, said once, although it can be read', async () => {
    const registry = providersOf([staticProvider(contextOf('one')), staticProvider(contextOf('other'))]);
    const changes: string[] = [];
    const stop = registry.startHealthChecks({ onChange: (id, { state }) => void changes.push(`${id} ${state}`) });
    await registry.setup();
    for (const words of ['disabled (1)', 'disabled (2)']) registry.suspended('one', words);
    await registry.setup();
    stop();
    expect(registry.state('one')).toMatchObject({ state: 'failed', message: 'disabled (2)' });
    expect(registry.state('other').state).toBe('ok');
    expect(changes.filter((change) => change === 'one failed')).toHaveLength(1);
  });
});
