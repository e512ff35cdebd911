import type { ProviderType } from '../provider.js';
import {
  checkGoogleConfig,
  googleAccount,
  googleBudget,
  type GoogleProviderConfig,
  googleProviderSchema,
} from './config.js';

/** Google Compute Engine. */
export const google: ProviderType<GoogleProviderConfig> = {
  schema: googleProviderSchema,
  check: checkGoogleConfig,
  account: googleAccount,
  budget: googleBudget,
  build: async (config, context) => (await import('./provider.js')).googleProvider(config, context),
};
