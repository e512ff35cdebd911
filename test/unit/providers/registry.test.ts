import { expect, test } from '@jest/globals';
import { providerTypes } from '../../../providers/configured.js';

test.each(Object.entries(providerTypes))(
  'the registry lists %s by the providerType of its own schema',
  (name, type) => {
    expect(type.schema).toMatchObject({ additionalProperties: false, properties: { providerType: { const: name } } });
  },
);
