import { randomUUID } from 'node:crypto';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { logEvent } from '../../observability/log-events.js';
import { ProviderError } from '../../providers/errors.js';
import { isDatabaseUnavailable } from '../../database/client/failures.js';
import {
  LifecycleUnavailableError,
  LifecycleRejectedError,
  WorkerExistsError,
} from '../../temporal/lifecycle-client.js';
import { AuthServiceUnavailableError } from '../auth/auth-service.js';
import { AuthenticationError } from '../auth/client.js';
import { ApiError, errorBody, retryAfterSeconds } from './errors.js';

/**
 * Answers with the documented error that fits; anything unforeseen is a 500 that says no more than an incident's id.
 */
export function replyWithError(error: FastifyError, request: FastifyRequest, reply: FastifyReply, nowMs: number): void {
  const apiError = asApiError(error) ?? incident(error, request);
  const { operation, mask } = request.routeOptions.config;
  const body = errorBody(apiError, {
    method: operation ?? request.method,
    params: request.params ?? {},
    payload: repeatable(mask ? mask(request.body) : request.body),
    time: new Date(nowMs).toISOString(),
  });
  if (error instanceof AuthenticationError) reply.header('www-authenticate', error.challenge);
  if (apiError.status === 503) reply.header('retry-after', String(retryAfterSeconds()));
  void reply.code(apiError.status).type('application/json; charset=utf-8').serializer(JSON.stringify).send(body);
}

/** Characters of a payload that an error repeats. */
const MAX_REPEATED_LENGTH = 64 * 1024;

/** The payload, for whoever reads the error; a large one would be an answer of megabytes. */
function repeatable(payload: unknown): unknown {
  const text = JSON.stringify(payload ?? {});
  return text.length > MAX_REPEATED_LENGTH ? '(OMITTED, too large)' : (payload ?? {});
}

/** Null for what nobody foresaw. */
const asApiError = (error: FastifyError): ApiError | null => ofProduct(error) ?? ofFramework(error);

/** Of an error that the product throws. */
function ofProduct(error: Error): ApiError | null {
  if (error instanceof ApiError) return error;
  if (error instanceof AuthenticationError) return new ApiError('AuthenticationFailed', error.message);
  if (error instanceof AuthServiceUnavailableError) {
    return new ApiError('TryAgain', 'The auth service does not answer as it should. Try again; repeating is safe.');
  }
  if (error instanceof WorkerExistsError) return new ApiError('InputError', 'The worker is not running.');
  if (error instanceof LifecycleRejectedError) return new ApiError('InputError', error.message);
  if (error instanceof LifecycleUnavailableError) {
    return new ApiError('TryAgain', 'The workflow engine does not answer in time. Try again; repeating is safe.');
  }
  if (error instanceof ProviderError) {
    return new ApiError('TryAgain', 'The cloud, whose answer is needed, gives none. Try again; repeating is safe.');
  }
  if (isDatabaseUnavailable(error)) {
    return new ApiError('TryAgain', 'The database does not answer in time. Try again; repeating is safe.');
  }
  return null;
}

/** Of an error that the framework throws before an operation is reached. */
function ofFramework(error: FastifyError): ApiError | null {
  if (error.validation) {
    const code = error.validationContext === 'body' ? 'InputValidationError' : 'InvalidRequestArguments';
    return new ApiError(code, error.message);
  }
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new ApiError('InputTooLarge', 'The body is too large.');
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new ApiError('MalformedPayload', 'The body must be of the type application/json.');
  }
  if (error.code?.startsWith('FST_ERR_CTP_')) return new ApiError('MalformedPayload', error.message);
  if (error.code === 'FST_ERR_BAD_URL') return new ApiError('InvalidRequestArguments', 'The path is not valid.');
  // Whatever else the framework holds against a request is its sender's affair.
  if (error.code?.startsWith('FST_') && isClientError(error.statusCode)) {
    return new ApiError('InvalidRequestArguments', error.message);
  }
  return null;
}

const isClientError = (status: number | undefined): boolean => status !== undefined && status >= 400 && status < 500;

function incident(error: FastifyError, request: FastifyRequest): ApiError {
  const incidentId = randomUUID();
  const { operation } = request.routeOptions.config;
  logEvent(request.log, 'api-call-failed', { operation, incidentId, err: error });
  return new ApiError('InternalServerError', `Internal error. The log knows more under incident ${incidentId}.`);
}
