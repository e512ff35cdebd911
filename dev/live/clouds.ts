/**
 * What each cloud's part of `npm run test:live` consists of: variables of the environment, and what becomes of them.
 */

export type Environment = Readonly<Record<string, string | undefined>>;
type Values = Readonly<Record<string, string>>;

export interface LiveCloud {
  readonly name: string;
  /** Without one of these the part is skipped. Credentials are the SDK's own business. */
  readonly needs: readonly string[];
  readonly takes: readonly string[];
  /** The entry of the configuration's `providers`. */
  readonly provider: (values: Values) => object;
  /** One launch config, of the smallest machine that costs anything. */
  readonly launchConfig: (values: Values) => object;
}

const endpoint = (value: string | undefined) => (value === undefined ? {} : { endpoint: value });

const aws: LiveCloud = {
  name: 'aws',
  needs: ['LIVE_AWS_REGION', 'LIVE_AWS_IMAGE'],
  takes: ['LIVE_AWS_SUBNET', 'LIVE_AWS_ENDPOINT'],
  provider: (v) => ({ providerType: 'aws', regions: [v.LIVE_AWS_REGION], ...endpoint(v.LIVE_AWS_ENDPOINT) }),
  launchConfig: (v) => ({
    region: v.LIVE_AWS_REGION,
    launchConfig: {
      ImageId: v.LIVE_AWS_IMAGE,
      InstanceType: 't3.nano',
      ...(v.LIVE_AWS_SUBNET && { SubnetId: v.LIVE_AWS_SUBNET }),
    },
    workerConfig: {},
  }),
};

const azure: LiveCloud = {
  name: 'azure',
  needs: [
    ...['LIVE_AZURE_SUBSCRIPTION', 'LIVE_AZURE_RESOURCE_GROUP', 'LIVE_AZURE_LOCATION'],
    ...['LIVE_AZURE_SUBNET', 'LIVE_AZURE_IMAGE'],
  ],
  takes: ['LIVE_AZURE_ENDPOINT'],
  provider: (v) => ({
    providerType: 'azure',
    subscriptionId: v.LIVE_AZURE_SUBSCRIPTION,
    resourceGroupName: v.LIVE_AZURE_RESOURCE_GROUP,
    ...endpoint(v.LIVE_AZURE_ENDPOINT),
  }),
  launchConfig: (v) => ({
    location: v.LIVE_AZURE_LOCATION,
    subnetId: v.LIVE_AZURE_SUBNET,
    hardwareProfile: { vmSize: 'Standard_B1s' },
    storageProfile: { imageReference: { id: v.LIVE_AZURE_IMAGE }, osDisk: { createOption: 'FromImage' } },
    workerConfig: {},
  }),
};

const google: LiveCloud = {
  name: 'google',
  needs: ['LIVE_GOOGLE_PROJECT', 'LIVE_GOOGLE_WORKER_ACCOUNT', 'LIVE_GOOGLE_ZONE', 'LIVE_GOOGLE_IMAGE'],
  takes: ['LIVE_GOOGLE_CREDS', 'LIVE_GOOGLE_ENDPOINT'],
  provider: (v) => ({
    providerType: 'google',
    project: v.LIVE_GOOGLE_PROJECT,
    workerServiceAccountId: v.LIVE_GOOGLE_WORKER_ACCOUNT,
    ...(v.LIVE_GOOGLE_CREDS && { creds: v.LIVE_GOOGLE_CREDS }),
    ...endpoint(v.LIVE_GOOGLE_ENDPOINT),
  }),
  launchConfig: (v) => ({
    region: v.LIVE_GOOGLE_ZONE?.replace(/-[^-]+$/, ''),
    zone: v.LIVE_GOOGLE_ZONE,
    machineType: 'e2-micro',
    disks: [{ boot: true, type: 'PERSISTENT', initializeParams: { sourceImage: v.LIVE_GOOGLE_IMAGE } }],
    networkInterfaces: [{}],
    scheduling: {},
    workerConfig: {},
  }),
};

export const liveClouds: readonly LiveCloud[] = [aws, azure, google];
