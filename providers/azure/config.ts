import { type Static, Type } from 'typebox';
import type { Problem } from '../../config/problems.js';
import { closed, type DeepReadonly, optionalText, optionalUrl, text } from '../../config/schema-parts.js';
import { budgetName } from '../shared/budget.js';
import { cloudKeys } from '../shared/cloud-keys.js';
import { endpointProblems, nameOfEndpoint } from '../shared/endpoint.js';

export const azureProviderSchema = closed(
  {
    providerType: Type.Literal('azure'),
    subscriptionId: Type.String({
      pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
      description: 'Subscription that machines are created in.',
    }),
    resourceGroupName: Type.String({
      pattern: '^[-\\w.()]{0,89}[-\\w()]$',
      description: 'Resource group that machines are created in; must exist.',
    }),
    clientId: Type.Optional(
      text('Application that signs in; with `secret` and `domain`, or none of them for the SDK’s own chain.'),
    ),
    secret: Type.Optional(text('Its client secret.')),
    domain: Type.Optional(text('Its tenant.')),
    endpoint: optionalUrl(
      'Where Azure Resource Manager is, instead of Microsoft’s own; plain http only on a loopback address.',
    ),
    authorityHost: Type.Union([Type.String({ pattern: '^https://[^/?#]+[^?#]*$' }), Type.Null()], {
      default: null,
      description: 'Where tokens come from, instead of Microsoft’s own.',
    }),
    trustedRoots: optionalText('Path to PEM: roots for attested documents, beside Node’s own and the shipped ones.'),
    trustedIntermediates: optionalText(
      'Path to PEM: intermediate certificates for attested documents, beside the shipped ones.',
    ),
    ...cloudKeys,
  },
  'Microsoft Azure.',
);

export type AzureProviderConfig = DeepReadonly<Static<typeof azureProviderSchema>>;

export const checkAzureConfig = (config: AzureProviderConfig): readonly Problem[] => [
  ...credentialProblems(config),
  ...endpointProblems(config.endpoint),
];

/**
 * Two of the three would quietly mean the SDK's own chain, and so perhaps another identity than the operator thinks.
 */
function credentialProblems(config: AzureProviderConfig): readonly Problem[] {
  const names = ['clientId', 'secret', 'domain'] as const;
  const missing = names.filter((name) => config[name] === undefined);
  if (missing.length === names.length) return [];
  return missing.map((key) => ({ key, message: 'is required with the others of clientId, secret and domain' }));
}

export const azureAccount = ({ subscriptionId, endpoint }: AzureProviderConfig): string =>
  `subscription ${subscriptionId.toLowerCase()} at ${nameOfEndpoint(endpoint, 'Microsoft’s own endpoint')}`;

export const azureBudget = ({ subscriptionId, endpoint }: AzureProviderConfig): string =>
  budgetName('azure', endpoint, subscriptionId.toLowerCase());

/** The steps that build and remove a machine, as people call them. */
export const azureStepLabels = {
  publicIp: 'public IP',
  networkInterface: 'network interface',
  vm: 'VM',
} as const;
