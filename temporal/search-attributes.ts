import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

/** Search attributes of lifecycles (contract, «Temporal»); all Keyword, because SQL visibility has room for ten. */
export const searchAttributes = {
  workerPoolId: defineSearchAttributeKey('WorkerPoolId', SearchAttributeType.KEYWORD),
  providerId: defineSearchAttributeKey('ProviderId', SearchAttributeType.KEYWORD),
  workerState: defineSearchAttributeKey('WorkerState', SearchAttributeType.KEYWORD),
  launchConfigId: defineSearchAttributeKey('LaunchConfigId', SearchAttributeType.KEYWORD),
} as const;

export const searchAttributeNames: readonly string[] = Object.values(searchAttributes).map((key) => key.name);
