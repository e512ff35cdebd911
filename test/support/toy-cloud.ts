import { Type } from 'typebox';
import { closed } from '../../config/schema-parts.js';
import { IdentityError } from '../../providers/errors.js';
import type { MachineRef, ProviderType } from '../../providers/provider.js';
import { causeByWords } from '../../providers/shared/end-cause.js';
import { gone } from '../../providers/shared/gone.js';
import { cloudPoolSchema, poolValidator } from '../../providers/shared/pool-schema.js';

/** A cloud in twenty lines: a shelf of toys, of which nobody has taken any. */

const launchConfig = { type: 'object', required: ['colour'], properties: { colour: { type: 'string' } } };
const machines = {
  removalSteps: ['toy'],
  async *observe() {},
  async *inventory() {},
  get: async (machine: MachineRef) => gone(machine),
  deleteResource: async () => {},
  causeOf: causeByWords(),
};
const refuse = () => Promise.reject(new IdentityError('a toy has no proof'));
const shelf = Type.String({ description: 'Where they stand.' });

export const toy: ProviderType = {
  schema: closed({ providerType: Type.Literal('toy'), shelf }, 'Toys.'),
  check: (config) => (config.shelf === 'top' ? [{ key: 'shelf', message: 'is out of reach' }] : []),
  account: (config) => `shelf ${String(config.shelf)}`,
  budget: () => null,
  build: async (_config, { providerId }) => ({
    ...{ providerId, providerType: 'toy', launching: null, machines, setup: async () => [] },
    validatePool: poolValidator(cloudPoolSchema(launchConfig)),
    verifyIdentity: refuse,
  }),
};
