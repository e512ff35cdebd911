import { describe, expect, test } from '@jest/globals';
import { definitionOf, type GoogleRequest, prepareLaunch } from '../../../../providers/google/launch-request.js';
import { checkDefinition } from '../../../../providers/google/check-definition.js';
import { typeProblem } from '../../../../providers/google/definition-types.js';
import { googlePoolSchema } from '../../../../providers/google/pool-schema.js';
import { poolValidator } from '../../../../providers/shared/pool-schema.js';
import { launchLabel } from '../../../../providers/google/names.js';
import { googleSpec } from '../../../support/google-launch.js';
import { recordedContext } from '../../../support/provider-context.js';
import { describeRealData, isGooglePool, realPools } from '../../../support/shared-data.js';

const context = recordedContext({ providerId: 'google', rootUrl: 'https://tc.example.com' });
const prepare = (spec: Parameters<typeof prepareLaunch>[0]) => prepareLaunch(spec, 'example-project', context);
const validate = poolValidator(googlePoolSchema);
const owner = { workerPoolId: 'proj/pool', owner: 'me@example.com' };
const check = (config: unknown) => checkDefinition(validate(config), owner, prepare);

const { configuration } = googleSpec();
const reasonOf = (changes: object, without: string[] = []): string => {
  const launchConfig: Record<string, unknown> = { ...configuration, ...changes };
  for (const name of without) delete launchConfig[name];
  const validation = check({ minCapacity: 0, maxCapacity: 5, launchConfigs: [launchConfig] });
  return validation.ok ? 'valid' : validation.reason.replace('config.launchConfigs[0]', '').replace(/^[. ]/, '');
};
const propertiesOf = (changes: object = {}) =>
  (prepare(googleSpec({ configuration: { ...configuration, ...changes } })).request as GoogleRequest)
    .instanceProperties;

describeRealData('all real launch configs', () => {
  const pools = () => realPools().filter(isGooglePool);

  test('every real launch config of Google is valid and comes back as it was', () => {
    expect(pools().flatMap(({ config }) => config.launchConfigs ?? [])).toHaveLength(411);
    for (const { workerPoolId, owner: ownerOfPool, config } of pools()) {
      const validation = checkDefinition(validate(config), { workerPoolId, owner: ownerOfPool }, prepare);
      if (!validation.ok) throw new Error(`${workerPoolId}: ${validation.reason}`);
      expect(validation.launchConfigs).toEqual(config.launchConfigs);
    }
  });

  test('every real launch config of Google is carried without loss', () => {
    for (const { workerPoolId, config } of pools()) {
      for (const each of config.launchConfigs ?? []) {
        const { request } = prepare({ ...googleSpec(), workerPoolId, configuration: each });
        const { instanceProperties } = request as GoogleRequest;
        expect(typeProblem('InstanceProperties', instanceProperties, '')).toBeNull();
        expect(JSON.stringify(instanceProperties)).not.toMatch(/"zones\//);
        expect(withoutOurs(instanceProperties)).toEqual(withBareNames(definitionOf(each)));
      }
    }
  });
});

/** What the definition said, read back out of a request. */
function withoutOurs(properties: Readonly<Record<string, unknown>>): object {
  const {
    labels: _labels,
    description: _description,
    metadata,
    scheduling,
    disks,
    ...rest
  } = properties as {
    labels: object;
    description: string;
    metadata: { items: { key: string }[] };
    scheduling: { automaticRestart: false; onHostMaintenance?: string };
    disks: { initializeParams?: { labels?: object } }[];
  };
  const items = metadata.items.filter(({ key }) => key !== 'taskcluster');
  const { automaticRestart: _restart, onHostMaintenance, ...schedule } = scheduling;
  return {
    ...rest,
    ...(items.length > 0 && { metadata: { items } }),
    scheduling: { ...schedule, ...(onHostMaintenance && { onHostMaintenance: onHostMaintenance.toLowerCase() }) },
    disks: disks.map(({ initializeParams, ...disk }) => {
      const { labels: _diskLabels, ...params } = initializeParams ?? {};
      return { ...disk, initializeParams: params };
    }),
  };
}

/** The definition with every zonal path as its last part; `automaticRestart` is always ours. */
function withBareNames(definition: object): object {
  const text = JSON.stringify(definition).replace(/"zones\/[^/"]+\/\w+Types\/([^"]+)"/g, '"$1"');
  const { automaticRestart: _restart, ...scheduling } = (JSON.parse(text) as { scheduling: Record<string, unknown> })
    .scheduling;
  return { ...(JSON.parse(text) as object), scheduling };
}

describe('a definition', () => {
  test('a definition of Google as people write it is valid', () => {
    expect(reasonOf({})).toBe('valid');
    expect(reasonOf({ machineType: 'n2-standard-4', labels: { team: 'ci' }, description: 'for CI' })).toBe('valid');
    expect(reasonOf({ tags: { items: ['web'] }, canIpForward: false, resourcePolicies: ['policy'] })).toBe('valid');
    expect(
      reasonOf({
        machineType: 'https://www.googleapis.com/compute/v1/projects/p/zones/us-central1-a/machineTypes/e2-small',
      }),
    ).toBe('valid');
  });

  test.each([
    [['zone'], "must have required property 'zone'"],
    [['disks'], "must have required property 'disks'"],
    [['machineType'], "must have required property 'machineType'"],
    [['workerConfig'], "must have required property 'workerConfig'"],
  ])('a definition of Google without %j is rejected', (without, reason) => {
    expect(reasonOf({}, without)).toBe(reason);
  });

  test.each<[string, object, string]>([
    ['no disks', { disks: [] }, 'disks must NOT have fewer than 1 items'],
    ['a zone of another region', { zone: 'europe-west1-b' }, 'zone must be one of region us-central1'],
    ['a zone that is no name', { zone: 'zones/us-central1-a' }, 'zone must match pattern "^[a-z][-a-z0-9]{0,37}$"'],
    [
      'a machine type of another zone',
      { machineType: 'zones/us-central1-b/machineTypes/n2-standard-4' },
      'machineType must be of zone us-central1-a, not of us-central1-b',
    ],
    [
      'a path that is no machine type',
      { machineType: 'zones/us-central1-a/diskTypes/n2-standard-4' },
      'machineType must be a name or zones/us-central1-a/machineTypes/NAME',
    ],
    [
      'an accelerator of another zone',
      { guestAccelerators: [{ acceleratorType: 'zones/us-east1-b/acceleratorTypes/nvidia-tesla-t4' }] },
      'guestAccelerators[0].acceleratorType must be of zone us-central1-a, not of us-east1-b',
    ],
    ['an unknown member', { machineTyp: 'e2-small' }, 'it must not have "machineTyp"'],
    ['an unknown member of a disk', { disks: [{ diskSize: 60 }] }, 'disks[0] must not have "diskSize"'],
    ['a text for a truth', { canIpForward: 'yes' }, 'canIpForward must be boolean'],
    [
      'words for a size',
      { disks: [{ initializeParams: { diskSizeGb: 'sixty' } }] },
      'disks[0].initializeParams.diskSizeGb must be integer',
    ],
    ['a number for a text', { minCpuPlatform: 5 }, 'minCpuPlatform must be string'],
    ['an object for a list', { resourcePolicies: {} }, 'resourcePolicies must be array'],
    [
      'null in a list',
      { networkInterfaces: [{ accessConfigs: [null] }] },
      'networkInterfaces[0].accessConfigs[0] must be object',
    ],
    ['null for an object', { shieldedInstanceConfig: null }, 'shieldedInstanceConfig must be object'],
    ['a label that is no text', { labels: { a: 1 } }, 'labels.a must be string'],
    ['a member of every object’s', { constructor: 'x' }, 'it must not have "constructor"'],
    [
      'a protection against deletion',
      { deletionProtection: true },
      'deletionProtection must not be given: the machine could never be removed',
    ],
    [
      'service accounts',
      { serviceAccounts: [] },
      'serviceAccounts must not be given: machines run as the provider’s worker service account',
    ],
    ['a name', { name: 'x' }, 'name must not be given: names follow from the launch'],
    [
      'a host name',
      { hostname: 'a.example.com' },
      'hostname must not be given: machines are created many at a time, and it cannot be said of many',
    ],
    [
      'a disk that exists',
      { disks: [{ source: 'x' }] },
      'disks[0].source must not be given: machines are created many at a time, and it cannot be said of many',
    ],
    [
      'an address of its own',
      { networkInterfaces: [{ networkIP: '10.0.0.1' }] },
      'networkInterfaces[0].networkIP must not be given: machines are created many at a time, and it cannot be said of many',
    ],
    [
      'a label’s key in capitals',
      { labels: { Team: 'ci' } },
      'labels has the key Team; Google takes lower-case letters, digits, _ and -',
    ],
    [
      'a label’s value with a dot',
      { labels: { team: 'c.i' } },
      'labels.team: Google takes up to 63 lower-case letters, digits, _ and -',
    ],
    ['labels of a disk that are none', { disks: [{ labels: { a: 1 } }] }, 'disks[0].labels must be object of strings'],
    [
      'too many labels',
      { labels: Object.fromEntries(Array.from({ length: 58 }, (_, index) => [`l${index}`, ''])) },
      'labels has 58 labels; with ours there may be 64',
    ],
    [
      'too much metadata',
      { workerConfig: { text: 'x'.repeat(270_000) } },
      `workerConfig: The metadata of launch config lc-${'0'.repeat(20)} has 270142 bytes; Compute Engine takes 262144.`,
    ],
  ])('a definition of Google with %s is rejected', (_what, changes, reason) => {
    expect(reasonOf(changes)).toBe(reason);
  });

  test('a definition of Google may have labels on its disks, which end up where Google takes them', () => {
    const disks = [{ labels: { a: '1' }, initializeParams: { labels: { b: '2' } } }];
    expect(reasonOf({ disks })).toBe('valid');
    const [disk] = propertiesOf({ disks }).disks as { labels?: object; initializeParams: { labels: object } }[];
    expect(disk!.labels).toBeUndefined();
    expect(disk!.initializeParams.labels).toMatchObject({ a: '1', b: '2', 'managed-by': 'taskcluster' });
  });
});

describe('a launch request', () => {
  test('a launch request is the same every time, and survives JSON', () => {
    const prepared = prepare(googleSpec());
    expect(prepare(googleSpec())).toEqual(prepared);
    expect(JSON.parse(JSON.stringify(prepared))).toEqual(prepared);
    expect(prepared).toMatchObject({
      token: 'token.1',
      count: 7,
      location: { account: 'example-project', region: 'us-central1', group: 'us-central1-a' },
    });
  });

  test('a launch request tells the machine what worker-runner reads, in place of the definition’s own', () => {
    const metadata = {
      items: [
        { key: 'startup-script', value: '#!' },
        { key: 'taskcluster', value: 'x' },
      ],
    };
    const { items } = propertiesOf({ metadata }).metadata as { items: { key: string; value: string }[] };
    expect(items.map(({ key }) => key)).toEqual(['startup-script', 'taskcluster']);
    expect(JSON.parse(items[1]!.value)).toEqual({
      workerPoolId: 'proj/pool',
      providerId: 'google',
      workerGroup: 'us-central1-a',
      rootUrl: 'https://tc.example.com',
      workerConfig: { genericWorker: { config: {} } },
    });
  });

  test('a launch request has disks deleted with their machine unless the definition says otherwise', () => {
    const disks = [
      { boot: true },
      { autoDelete: false },
      { type: 'SCRATCH', initializeParams: { diskType: 'local-ssd' } },
    ];
    const rendered = propertiesOf({ disks }).disks as { autoDelete: boolean; initializeParams: { labels?: object } }[];
    expect(rendered.map(({ autoDelete }) => autoDelete)).toEqual([true, false, true]);
    expect(rendered.map(({ initializeParams }) => 'labels' in initializeParams)).toEqual([true, true, false]);
  });

  test('a launch request never restarts a machine by itself, and bears our labels over the definition’s', () => {
    const properties = propertiesOf({
      scheduling: { automaticRestart: true, onHostMaintenance: 'terminate' },
      labels: { team: 'ci', 'worker-manager-launch': 'forged' },
      description: 'for CI',
    });
    expect(properties.scheduling).toEqual({ automaticRestart: false, onHostMaintenance: 'TERMINATE' });
    expect(properties.labels).toMatchObject({ team: 'ci', 'worker-manager-launch': launchLabel('token.1') });
    expect(properties.description).toBe('launch token.1 of worker pool proj/pool\nfor CI');
  });
});
