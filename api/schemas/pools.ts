import { Type } from 'typebox';
import {
  anyObject,
  closed,
  continuationToken,
  counters,
  identifier,
  instant,
  nullable,
  workerPoolId,
} from './common.js';
import { named } from './names.js';

const definition = {
  providerId: identifier,
  description: Type.String({ maxLength: 10240 }),
  config: anyObject,
  owner: Type.String({ format: 'email', maxLength: 1024 }),
  emailOnError: Type.Boolean(),
};

const example = {
  providerId: 'aws',
  description: 'Builds for Linux',
  owner: 'owner@example.com',
  emailOnError: false,
  config: {
    minCapacity: 0,
    maxCapacity: 10,
    launchConfigs: [{ region: 'us-east-1', launchConfig: { ImageId: 'ami-12345678', InstanceType: 'm5.large' } }],
  },
};
export const createPoolRequest = named('create-worker-pool-request', closed(definition, example));
/** What a reader of a pool sends back: its id and times are allowed, and ignored but for the id. */
export const updatePoolRequest = named(
  'update-worker-pool-request',
  closed(
    {
      ...definition,
      workerPoolId: Type.Optional(workerPoolId),
      created: Type.Optional(instant),
      lastModified: Type.Optional(instant),
    },
    example,
  ),
);

export const poolFull = named(
  'worker-pool-full',
  closed({
    workerPoolId,
    ...definition,
    // Rows may be older than a rule.
    owner: Type.String(),
    created: instant,
    lastModified: instant,
    ...counters,
  }),
);
export const poolList = named('worker-pool-list', closed({ workerPools: Type.Array(poolFull), continuationToken }));

export const poolListStats = named(
  'worker-pool-list-stats',
  closed({
    workerPoolsStats: Type.Array(closed({ workerPoolId, ...counters })),
    continuationToken,
  }),
);
export const poolStats = named(
  'worker-pool-stats',
  closed({
    launchConfigStats: Type.Array(closed({ workerPoolId, launchConfigId: Type.String(), ...counters })),
  }),
);

export const launchConfigList = named(
  'worker-pool-launch-config-list',
  closed({
    workerPoolLaunchConfigs: Type.Array(
      closed({
        launchConfigId: identifier,
        workerPoolId,
        isArchived: Type.Boolean(),
        configuration: Type.Unknown(),
        created: instant,
        lastModified: instant,
      }),
    ),
    continuationToken,
  }),
);

export const holdRequest = named('hold-request', closed({ reason: Type.String({ minLength: 1, maxLength: 1024 }) }));

export const holdList = named(
  'hold-list',
  closed({
    holds: Type.Array(closed({ scope: Type.String(), clientId: Type.String(), reason: Type.String(), since: instant })),
  }),
);

export const decisionList = named(
  'worker-pool-decision-list',
  closed({
    decisions: Type.Array(
      closed({
        workerPoolId,
        firstAt: instant,
        lastAt: instant,
        occurrences: Type.Integer(),
        decision: Type.Unknown(),
      }),
    ),
    continuationToken,
  }),
);

/** As auth's own answer, and what an entry was about. */
export const entityHistory = named(
  'get-entity-history-response',
  closed({
    auditHistory: Type.Array(
      closed({
        clientId: Type.String(),
        actionType: Type.String(),
        created: instant,
        entityId: Type.String(),
        entityType: Type.String(),
        /** Of what is no change of a definition: the reason of a hold, the launch config of a backoff. */
        detail: Type.Optional(anyObject),
        /** Of a pool's definition, for callers who may read the pool, as long as it is on record. */
        changes: Type.Optional(
          Type.Array(
            closed({
              path: Type.String({ examples: ['config.maxCapacity'] }),
              before: Type.Optional(Type.Unknown()),
              after: Type.Optional(Type.Unknown()),
            }),
          ),
        ),
      }),
    ),
    continuationToken,
  }),
);

/** Whether the process that answers can use its cloud. */
export const providerHealth = closed({
  state: Type.Union([Type.Literal('ok'), Type.Literal('failed'), Type.Literal('unknown')]),
  since: nullable(instant),
  message: nullable(Type.String()),
});

export const providerList = named(
  'provider-list',
  closed({
    providers: Type.Array(
      closed({
        providerId: identifier,
        providerType: Type.String(),
        health: providerHealth,
      }),
    ),
    continuationToken,
  }),
);
