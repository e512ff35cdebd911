import { describe, expect, test } from '@jest/globals';
import { configKeys } from '../../../config/keys.js';
import { parseConfig } from '../../../config/load.js';
import { isShown, settingsOf } from '../../../config/settings.js';
import { providerTypes } from '../../../providers/configured.js';

const parse = (source: string, env: Record<string, string> = {}) => parseConfig(source, 'test.yml', providerTypes, env);
const settingOf = (source: string, key: string, env: Record<string, string> = {}) =>
  settingsOf(parse(source, env)).find((each) => each.key === key);

/** Keys with values of their own that nobody is shown. */
const SECRET = [
  'temporal.codecKeys',
  'demand.credentials.accessToken',
  'auth.clients',
  'issuer.accessToken',
  'pulse.password',
  'notify.credentials.accessToken',
  ...['clientId', 'accessToken', 'scopes', 'expires'].map((key) => `auth.clients[].${key}`),
  ...['accessKeyId', 'secretAccessKey'].map((key) => `providers.<aws>.credentials.${key}`),
  'providers.<azure>.secret',
  'providers.<google>.creds',
];

test('every key of the configuration is shown or a secret', () => {
  const paths = configKeys(providerTypes).map(({ path }) => path);
  const isParent = (path: string) => paths.some((each) => each.startsWith(`${path}.`));
  const hidden = paths.filter((path) => !isParent(path) && path !== 'providers' && !isShown(path));
  expect(hidden.toSorted()).toEqual(SECRET.toSorted());
});

describe('settings', () => {
  test('a setting that nobody wrote comes from the default', () => {
    expect(settingOf('', 'limits.machines')).toEqual({
      ...{ key: 'limits.machines', value: '5000', source: 'default', from: null, isSecret: false },
    });
  });

  test('a setting that is written comes from the configuration, also where it is the default', () => {
    expect(settingOf('limits: {machines: 5000}', 'limits.machines')).toMatchObject({ source: 'configuration' });
  });

  test('a setting that refers to the environment names the variable', () => {
    expect(settingOf('limits: {machines: "${MACHINES}"}', 'limits.machines', { MACHINES: '7' })).toMatchObject({
      ...{ value: '7', source: 'environment', from: 'MACHINES' },
    });
  });

  test('a setting of a provider has the provider’s id in its key, and a list is written as one text', () => {
    const source = 'providers: {here: {providerType: aws, regions: [us-east-1, us-west-2]}}';
    expect(settingOf(source, 'providers.here.regions')).toMatchObject({ value: 'us-east-1, us-west-2' });
    expect(settingOf(source, 'providers.here.draining')).toMatchObject({ value: 'false', source: 'default' });
  });

  test.each([
    ['postgres://me:hunter2@db/wm?password=hunter2', 'postgres://***@db/wm?***'],
    ['postgres://me:hunter2@@/x@db/wm', 'postgres://***@db/wm'],
    ['postgres:///wm?user=me&password=hunter2', 'postgres:///wm?***'],
    ['postgres://db/wm', 'postgres://db/wm'],
    ['pglite:./.worker-manager/database', 'pglite:./.worker-manager/database'],
  ])('a setting that is an address is shown without credentials: %s', (url, text) => {
    expect(settingOf(`database: {url: "${url}"}`, 'database.url')).toMatchObject({ value: text, isSecret: false });
  });
});

test('no secret is in any setting, and whether it is set is', () => {
  const source = `
    auth: {type: static, clients: [{clientId: c, accessToken: hunter2-hunter2-hunter2-1, scopes: [hunter2]}]}
    issuer: {clientId: issuer, accessToken: hunter2-hunter2-hunter2-2}
    demand: {credentials: {clientId: queue, accessToken: hunter2}}
    pulse: {hostname: broker, username: u, password: hunter2}
    notify: {type: taskcluster, credentials: {clientId: mail, accessToken: hunter2}}
    providers:
      aws: {providerType: aws, credentials: {accessKeyId: hunter2, secretAccessKey: hunter2}}
      azure: {providerType: azure, subscriptionId: 00000000-0000-4000-8000-000000000000, resourceGroupName: g, clientId: a, secret: "\${SECRET}", domain: d}
  `;
  const settings = settingsOf(parse(source, { SECRET: 'hunter2' }));
  expect(JSON.stringify(settings)).not.toContain('hunter2');
  expect(settings.filter(({ isSecret }) => isSecret).map(({ key }) => key)).toEqual(
    expect.arrayContaining([
      ...['auth.clients', 'issuer.accessToken', 'demand.credentials.accessToken', 'pulse.password'],
      ...['notify.credentials.accessToken', 'providers.aws.credentials', 'providers.azure.secret'],
    ]),
  );
  expect(settings.find(({ key }) => key === 'providers.azure.secret')).toMatchObject({
    ...{ value: null, source: 'environment', from: 'SECRET' },
  });
});
