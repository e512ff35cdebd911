import { Refusal, type Failure } from '../errors.js';
import { shortageCodes } from '../shortages.js';
import type { OperationError, Properties } from './resource.js';
import { zonePath } from './places.js';

/** Reasons that Google gives the domain of rate limits and quotas. */
const OF_USAGE = ['rateLimitExceeded', 'userRateLimitExceeded', 'quotaExceeded'];
const DOMAIN = 'compute.googleapis.com';

/** The body of a refused call. Each detail becomes an ErrorInfo, whose reason is the code, and a LocalizedMessage. */
export function errorBody({ code, message, status, details }: Refusal): Properties {
  const domain = OF_USAGE.includes(code) ? 'usageLimits' : 'global';
  return {
    error: {
      code: status,
      message,
      errors: [{ message, domain, reason: code }],
      ...(details.length > 0 && {
        details: details.flatMap((detail) => [
          {
            '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
            reason: detail.code,
            domain: DOMAIN,
            metadata: { service: DOMAIN },
          },
          {
            '@type': 'type.googleapis.com/google.rpc.LocalizedMessage',
            locale: 'en-US',
            message: detail.message,
          },
        ]),
      }),
    },
  };
}

export const invalid = (message: string): Refusal => new Refusal('invalid', message, 400);

export const invalidField = (field: string, value: string, why: string): Refusal =>
  invalid(`Invalid value for field '${field}': '${value.slice(0, 300)}'. ${why}`);

export const notFound = (path: string): Refusal => new Refusal('notFound', `The resource '${path}' was not found`, 404);

export const unavailable = (): Refusal =>
  new Refusal('backendError', 'Internal error. Please try again or contact Google Support.', 503);

/** What a fault makes an operation fail with. */
export const faultError = ({ code, message, details = [] }: Failure): OperationError => ({
  code,
  message,
  ...(details.length > 0 && {
    errorDetails: details.flatMap((detail) => [
      { errorInfo: { reason: detail.code, domain: DOMAIN, metadatas: {} } },
      { localizedMessage: { locale: 'en-US', message: detail.message } },
    ]),
  }),
});

export function stockOut(project: string, zone: string, machineType: string, elsewhere: string[]): OperationError {
  return {
    code: shortageCodes.google,
    message: `The zone '${zonePath(project, zone)}' does not have enough resources available to fulfill the request.  '(resource type:compute)'.`,
    errorDetails: [
      {
        help: {
          links: [
            {
              description: 'Troubleshooting documentation',
              url: 'https://cloud.google.com/compute/docs/resource-error',
            },
          ],
        },
      },
      {
        localizedMessage: {
          locale: 'en-US',
          message: `A ${machineType} VM instance is currently unavailable in the ${zone} zone.`,
        },
      },
      {
        errorInfo: {
          reason: 'resource_availability',
          domain: DOMAIN,
          metadatas: { vmType: machineType, attachment: '', zone, zonesAvailable: elsewhere.join(',') },
        },
      },
    ],
  };
}

export const quotaMessage = (metric: string, limit: number, region: string): string =>
  `Quota '${metric}' exceeded.  Limit: ${limit.toFixed(1)} in region ${region}.`;

export const quotaError = (metric: string, limit: number, region: string): OperationError => ({
  code: 'QUOTA_EXCEEDED',
  message: quotaMessage(metric, limit, region),
  errorDetails: [
    {
      quotaInfo: {
        metricName: `${DOMAIN}/${metric.toLowerCase()}`,
        limitName: `${metric.replaceAll('_', '-')}-per-project-region`,
        limit,
        dimensions: { region },
      },
    },
  ],
});

export const alreadyExists = (path: string): OperationError => ({
  code: 'RESOURCE_ALREADY_EXISTS',
  message: `The resource '${path}' already exists`,
});

export const minCountNotReached = (created: number, minCount: number): OperationError => ({
  code: 'VM_MIN_COUNT_NOT_REACHED',
  message: `Requested minimum count of ${minCount} VMs could not be created: ${created} were.`,
});
