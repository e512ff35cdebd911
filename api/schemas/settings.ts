import { Type } from 'typebox';
import { settingSources } from '../../config/settings.js';
import { closed, nullable, oneOf } from './common.js';
import { named } from './names.js';

export const deploymentSettings = named(
  'deployment-settings',
  closed({
    settings: Type.Array(
      closed({
        key: Type.String(),
        value: nullable(Type.String()),
        source: oneOf(settingSources),
        from: nullable(Type.String()),
        isSecret: Type.Boolean(),
      }),
    ),
  }),
);
