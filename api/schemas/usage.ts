import { Type } from 'typebox';
import { closed, identifier, instant, nullable } from './common.js';
import { named } from './names.js';
import { providerHealth } from './pools.js';

const count = Type.Integer({ minimum: 0 });
const limit = closed({ used: count, max: count });
const text = nullable(Type.String());

export const deploymentUsage = named(
  'deployment-usage',
  closed({
    at: instant,
    /** Of `limits`. */
    machines: limit,
    launchesPerMinute: limit,
    providers: Type.Array(
      closed({
        providerId: identifier,
        providerType: Type.String(),
        health: providerHealth,
        /** The last scan that came to its end; null: none has yet. */
        lastScan: nullable(closed({ ended: instant, machines: count, unowned: count })),
      }),
    ),
    /** Of the last hour, those that may change something in a cloud. */
    calls: Type.Array(
      closed({
        providerId: Type.String(),
        operation: Type.String(),
        region: text,
        calls: count,
        refused: count,
        lastRefusal: text,
        waitedMs: count,
      }),
    ),
    /** Classes of calls that wait until a cloud takes them again. */
    pauses: Type.Array(closed({ bucket: Type.String(), since: instant, until: instant })),
  }),
);
