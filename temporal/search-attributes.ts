import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

/** All Keyword, because SQL visibility has room for ten (ARCHITECTURE.md#names-in-temporal). */
export const searchAttributes = {
  workerPoolId: defineSearchAttributeKey('WorkerPoolId', SearchAttributeType.KEYWORD),
  providerId: defineSearchAttributeKey('ProviderId', SearchAttributeType.KEYWORD),
  workerState: defineSearchAttributeKey('WorkerState', SearchAttributeType.KEYWORD),
  launchConfigId: defineSearchAttributeKey('LaunchConfigId', SearchAttributeType.KEYWORD),
} as const;

export const searchAttributeNames: readonly string[] = Object.values(searchAttributes).map((key) => key.name);
