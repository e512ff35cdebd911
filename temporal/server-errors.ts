import { isGrpcServiceError } from '@temporalio/client';

/** Whether Temporal's server gave no answer, or refused the call, as against an error of ours; also as another's cause. */
export const isServerError = (error: unknown): boolean =>
  isGrpcServiceError(error) || (error instanceof Error && isGrpcServiceError(error.cause));
