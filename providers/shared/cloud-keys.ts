import { Type } from 'typebox';
import { closed } from '../../config/schema-parts.js';

const callLimit = (description: string) =>
  Type.Optional(
    closed(
      {
        burst: Type.Integer({ minimum: 1, description: 'Calls that may go at once.' }),
        perSecond: Type.Number({ exclusiveMinimum: 0, description: 'Calls a second after that.' }),
      },
      description,
    ),
  );

/** Keys that the entries of all clouds have. */
export const cloudKeys = {
  rateLimits: Type.Optional(
    closed(
      {
        read: callLimit('Calls that only read.'),
        create: callLimit('Calls that create.'),
        delete: callLimit('Calls that remove.'),
      },
      'Limits in calls, for the whole deployment; without it the provider uses its vendor’s usual ones.',
    ),
  ),
  draining: Type.Boolean({
    default: false,
    description: 'Launches nothing more; must be set, and the last worker gone, before the provider leaves this file.',
  }),
};
