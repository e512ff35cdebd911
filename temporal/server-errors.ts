import { isGrpcServiceError } from '@temporalio/client';

/** Whether it, or its cause, is Temporal's server that gave no answer or refused a call, as against an error of ours. */
export const isServerError = (error: unknown): boolean =>
  isGrpcServiceError(error) || (error instanceof Error && isGrpcServiceError(error.cause));
