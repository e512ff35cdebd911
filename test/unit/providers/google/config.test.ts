import { describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../../../config/load.js';
import { google } from '../../../../providers/google/index.js';
import { providerTypes } from '../../../../providers/configured.js';

const entry = { providerType: 'google', project: 'example-project', workerServiceAccountId: '100000000000000000001' };
const parse = (changes: object = {}) =>
  parseConfig(JSON.stringify({ providers: { g: { ...entry, ...changes } } }), 'a test', providerTypes).providers.g;
const problemOf = (changes: object): string => {
  try {
    parse(changes);
    return 'none';
  } catch (error) {
    return (error as Error).message;
  }
};

describe('the configuration of a Google provider', () => {
  test('a Google entry needs a project and a service account, and is filled up', () => {
    expect(parse()).toEqual({ ...entry, endpoint: null, jwksUrl: null, draining: false });
  });

  test.each([
    { creds: '{"type":"service_account"}' },
    { creds: '/etc/worker-manager/key.json' },
    { creds: { type: 'service_account', client_email: 'a', private_key: 'b' } },
    { endpoint: 'http://127.0.0.1:4566', jwksUrl: 'http://127.0.0.1:4566/oauth2/v3/certs' },
    { project: 'example.com:example-project' },
  ])('a Google entry takes %j', (changes) => {
    expect(parse(changes)).toMatchObject(changes);
  });

  test.each([
    [{ project: undefined }, 'providers.g.project'],
    [{ project: 'p/q' }, 'providers.g.project'],
    [
      { workerServiceAccountId: 'worker@example-project.iam.gserviceaccount.com' },
      'providers.g.workerServiceAccountId',
    ],
    [{ creds: 7 }, 'providers.g.creds'],
    [{ endpoint: 'http://compute.example.com' }, 'providers.g.endpoint'],
    [{ endpoint: 'https://compute.example.com/path' }, 'providers.g.endpoint: must not have a path'],
    [{ jwksUrl: 'http://keys.example.com' }, 'providers.g.jwksUrl'],
  ])('a Google entry is refused with %j', (changes, problem) => {
    expect(problemOf(changes)).toContain(problem);
  });

  test('a Google entry names the account by its project', () => {
    const config = parse() as Parameters<typeof google.account>[0];
    expect(google.account(config)).toBe('project example-project at Google’s own endpoint');
    expect(google.budget(config)).toBe(google.budget({ ...config, workerServiceAccountId: '2' }));
    expect(google.budget(config)).not.toBe(google.budget({ ...config, project: 'other-project' }));
  });
});
