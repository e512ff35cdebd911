import type { ProviderType } from '../provider.js';
import {
  azureAccount,
  azureBudget,
  type AzureProviderConfig,
  azureProviderSchema,
  checkAzureConfig,
} from './config.js';

/** Microsoft Azure. */
export const azure: ProviderType<AzureProviderConfig> = {
  schema: azureProviderSchema,
  check: checkAzureConfig,
  account: azureAccount,
  budget: azureBudget,
  build: async (config, context) => (await import('./provider.js')).azureProvider(config, context),
};
