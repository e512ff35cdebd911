import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { googleLaunchConfig, googlePool, googleProviderConfig } from '../../../../dev/testing/google-pool.js';
import { ProductProcess } from '../../../../dev/testing/product.js';
import { suiteOf } from '../../../support/suite.js';

const { system, newPool } = suiteOf('bad/google', {
  roles: 'all',
  providers: async (simulator) => ({ google: await googleProviderConfig(simulator) }),
  simulator: { googleInsertMs: 300 },
});

const zone = 'us-central1-a';
const { disks: _disks, ...withoutDisks } = googleLaunchConfig(zone);
const { zone: _zone, ...withoutZone } = googleLaunchConfig(zone);
const config = (changes: object) => ({ ...googleLaunchConfig(zone), ...changes });
const [disk] = googleLaunchConfig(zone).disks;
const pool = (launchConfig: object) => {
  const { config: own, ...rest } = googlePool();
  return { ...rest, config: { ...own, launchConfigs: [launchConfig] } };
};

describe('a definition', () => {
  const of = (where: string) => `config.launchConfigs[0]${where}`;
  test.each([
    ['no zone', withoutZone, `${of('')} must have required property 'zone'`],
    ['no disks', withoutDisks, `${of('')} must have required property 'disks'`],
    ['an empty list of disks', config({ disks: [] }), `${of('.disks')} must NOT have fewer than 1 items`],
    ['a zone of another region', config({ region: 'us-east1' }), 'zone must be one of region us-east1'],
    [
      'a machine type of another zone',
      config({ machineType: 'zones/us-central1-f/machineTypes/n2-standard-4' }),
      `machineType must be of zone ${zone}, not of us-central1-f`,
    ],
    [
      'a machine type of another kind',
      config({ machineType: `zones/${zone}/diskTypes/pd-ssd` }),
      `machineType must be a name or zones/${zone}/machineTypes/NAME`,
    ],
    ['a member that Google has not', config({ machinType: 'n2-standard-4' }), 'it must not have "machinType"'],
    ['a member that a disk has not', config({ disks: [{ ...disk, sizeGb: 5 }] }), 'disks[0] must not have "sizeGb"'],
    ['a machine type that is a number', config({ machineType: 5 }), `${of('.machineType')} must be string`],
    ['a word in the place of a truth value', config({ canIpForward: 'yes' }), 'canIpForward must be boolean'],
    [
      'a word in the place of a size',
      config({ disks: [{ ...disk, initializeParams: { diskSizeGb: 'sixty' } }] }),
      'disks[0].initializeParams.diskSizeGb must be integer',
    ],
    [
      'an object in the place of a list',
      config({ networkInterfaces: {} }),
      `${of('.networkInterfaces')} must be array`,
    ],
    ['protection from deletion', config({ deletionProtection: true }), 'deletionProtection must not be given'],
  ])('a definition with %s is refused with what is wrong with it', async (_what, launchConfig, reason) => {
    const path = `/worker-pool/${encodeURIComponent(newPool())}`;
    const { status, body } = await system().api.call('PUT', path, pool(launchConfig));
    expect({ status, code: body.code }).toEqual({ status: 400, code: 'InputValidationError' });
    expect(body.message).toContain(reason);
  });
});

describe('what only Google knows', () => {
  test('a launch in a zone that does not exist becomes an error of its pool that names the zone', async () => {
    const { api } = system();
    const id = newPool();
    await api.createPool(id, googlePool({ minCapacity: 1, zones: ['us-central1-z'] }));
    const errors = await system().waitFor(async () => {
      const found = await api.errors(id);
      return found.length > 0 && found;
    }, 'an error of the pool');
    expect(errors).toMatchObject([{ kind: 'creation-error', workerPoolId: id }]);
    expect(errors[0].description).toContain('us-central1-z');
    expect(await api.workers(id)).toEqual([]);
  });
});

describe('check-config', () => {
  const privateKey = { type: 'service_account', client_email: 'a@b.c', private_key: 'not a key' };
  /** Each is a provider of its own, beside the right one. */
  const wrong = {
    ...{ account: { workerServiceAccountId: '100000000000000000009' }, project: { project: 'no-such-project' } },
    object: { creds: { type: 'service_account', client_email: 'a@b.c' } },
    text: { creds: '{"type":"service_account",' },
    base64: { creds: Buffer.from('{"type":"robot"}').toString('base64') },
    ...{ file: { creds: 'KEY_FILE' }, nowhere: { creds: '/no/such/key.json' } },
    key: { creds: privateKey, endpoint: `https://127.0.0.1:1` },
  };
  let lines: string[];
  beforeAll(async () => {
    const keyFile = join(system().folder, 'key.json');
    writeFileSync(keyFile, 'no key');
    const right = await googleProviderConfig(system().simulator);
    const providers = Object.entries(wrong).map(([id, changes]) => {
      const isFile = 'creds' in changes && changes.creds === 'KEY_FILE';
      return [id, { ...right, ...changes, ...(isFile && { creds: keyFile }) }];
    });
    const path = system().writeConfig({ providers: Object.fromEntries(providers) }, 'check.json');
    const process = new ProductProcess(['check-config', '--config', path], join(system().folder, 'check.log'));
    await process.ended;
    lines = process.output().trim().split('\n');
  });

  /** What it says of the provider. */
  const linesOf = (id: keyof typeof wrong | 'google') =>
    lines.filter((line) => new RegExp(` providers\\.${id}(:|$)`).test(line));

  test('check-config finds the service account and the project of a Google provider', () => {
    expect(linesOf('google')).toEqual(['ok       providers.google']);
  });

  test('check-config names a service account that does not exist', () => {
    expect(linesOf('account')).toEqual([
      expect.stringMatching(/^problem {2}providers\.account: service account 100000000000000000009: .*not found/),
    ]);
  });

  test('check-config names a project that does not exist', () => {
    expect(linesOf('project')).toEqual([expect.stringMatching(/^problem {2}providers\.project: .*no-such-project/)]);
  });

  test.each([
    ['an object', 'object', 'the object has no private_key'],
    ['JSON text', 'text', 'the JSON text is not JSON'],
    ['base64', 'base64', /^the base64 text must have a type: service_account, /],
    ['a path', 'file', /^the file .*key\.json is not JSON$/],
    ['a path to nothing', 'nowhere', 'cannot read /no/such/key.json (ENOENT)'],
  ] as const)(
    'check-config says in one line what is wrong with malformed credentials given as %s',
    (_as, id, expected) => {
      const [line = '', ...others] = linesOf(id);
      expect(others).toEqual([]);
      const [, said] = new RegExp(`^problem {2}providers\\.${id}: creds: (.*)$`).exec(line) ?? [];
      if (typeof expected === 'string') expect(said).toBe(expected);
      else expect(said).toMatch(expected);
    },
  );

  test('check-config says in one line that a private key is none, before anything is sent', () => {
    expect(linesOf('key')).toEqual([
      expect.stringMatching(/^problem {2}providers\.key: No credentials for Google: .+$/),
    ]);
    expect(lines.join('')).not.toContain('not a key');
  });
});
