import { errorCatalogue, type ErrorCode } from '../../domain/error-catalogue.js';

/**
 * Whole seconds, 3 to 7, after which a caller may try again what was answered with 503. Not the same for all: machines
 * that booted together were put off together, and would come back as the same crowd.
 */
export const retryAfterSeconds = (): number => 3 + Math.floor(Math.random() * 5);

/** One of the documented errors; `message` is for the caller. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }
}

export const inputError = (message: string): ApiError => new ApiError('InputError', message);
export const notFound = (message: string): ApiError => new ApiError('ResourceNotFound', message);

export const noSuchCall = (): ApiError => notFound('There is no such API call.');

/** What an error's body repeats of the request. `payload` is already masked. */
export interface RequestInfo {
  readonly method: string;
  readonly params: unknown;
  readonly payload: unknown;
  readonly time: string;
}

export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly requestInfo: RequestInfo;
}

/** The text ends with a small list, so that a copied message alone says which call failed and when. */
export function errorBody(error: ApiError, requestInfo: RequestInfo): ErrorBody {
  const facts = [
    `* method:     ${requestInfo.method}`,
    `* errorCode:  ${error.code}`,
    `* statusCode: ${error.status}`,
    `* time:       ${requestInfo.time}`,
  ];
  return { code: error.code, message: `${error.message}\n\n---\n\n${facts.join('\n')}`, requestInfo };
}
