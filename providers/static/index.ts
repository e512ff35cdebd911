import { Type } from 'typebox';
import { closed } from '../../config/schema-parts.js';
import type { ProviderType } from '../provider.js';
import { staticProvider } from './provider.js';

/** Machines that somebody set up by hand. */
export const staticType: ProviderType = {
  schema: closed({ providerType: Type.Literal('static') }, 'Machines that nobody can create on demand.'),
  check: () => [],
  account: () => null,
  budget: () => null,
  build: async (_config, context) => staticProvider(context),
};
