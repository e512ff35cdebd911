import type { ProviderType } from '../provider.js';
import { awsAccount, awsBudget, type AwsProviderConfig, awsProviderSchema, checkAwsConfig } from './config.js';

/** Amazon EC2. */
export const aws: ProviderType<AwsProviderConfig> = {
  schema: awsProviderSchema,
  check: checkAwsConfig,
  account: awsAccount,
  budget: awsBudget,
  build: async (config, context) => (await import('./provider.js')).awsProvider(config, context),
};
