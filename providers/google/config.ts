import { type Static, Type } from 'typebox';
import type { Problem } from '../../config/problems.js';
import { closed, type DeepReadonly, optionalUrl, text } from '../../config/schema-parts.js';
import { budgetName } from '../shared/budget.js';
import { cloudKeys } from '../shared/cloud-keys.js';
import { endpointProblems, nameOfEndpoint } from '../shared/endpoint.js';

export const googleProviderSchema = closed(
  {
    providerType: Type.Literal('google'),
    project: Type.String({
      pattern: '^([a-z][-a-z0-9.]*:)?[a-z][-a-z0-9]{4,61}[a-z0-9]$',
      description: 'Id of the project that machines are created in.',
    }),
    workerServiceAccountId: Type.String({
      pattern: '^[0-9]{1,32}$',
      description: 'Unique id (digits) of the service account that machines run as.',
    }),
    creds: Type.Optional(
      Type.Union([text('A key.'), Type.Object({}, { additionalProperties: true })], {
        description:
          'Credentials file of Google’s: as an object, as JSON, as base64 of that, or its path; without it the SDK’s own chain is used.',
      }),
    ),
    endpoint: optionalUrl(
      'Where Compute Engine and IAM are, instead of Google’s own; plain http only on a loopback address.',
    ),
    jwksUrl: optionalUrl('Where the keys of identity tokens are, instead of Google’s own.'),
    ...cloudKeys,
  },
  'Google Compute Engine.',
);

export type GoogleProviderConfig = DeepReadonly<Static<typeof googleProviderSchema>>;

export function checkGoogleConfig({ endpoint, jwksUrl }: GoogleProviderConfig): readonly Problem[] {
  // The SDK knows a host and a port.
  const hasPath = endpoint !== null && URL.canParse(endpoint) && new URL(endpoint).pathname !== '/';
  const ofPath = hasPath ? [{ key: 'endpoint', message: 'must not have a path' }] : [];
  return [...endpointProblems(endpoint), ...ofPath, ...endpointProblems(jwksUrl, 'jwksUrl')];
}

export const googleAccount = ({ project, endpoint }: GoogleProviderConfig): string =>
  `project ${project} at ${nameOfEndpoint(endpoint, 'Google’s own endpoint')}`;

export const googleBudget = ({ project, endpoint }: GoogleProviderConfig): string =>
  budgetName('google', endpoint, project);
