import { isGrpcServiceError } from '@temporalio/client';

/** Whether it, or its cause, says that Temporal's server gave no answer or refused a call; any other error is ours. */
export const isServerError = (error: unknown): boolean =>
  isGrpcServiceError(error) || (error instanceof Error && isGrpcServiceError(error.cause));
