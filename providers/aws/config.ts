import { type Static, Type } from 'typebox';
import type { Problem } from '../../config/problems.js';
import { closed, type DeepReadonly, optionalText, optionalUrl, text } from '../../config/schema-parts.js';
import { budgetName } from '../shared/budget.js';
import { cloudKeys } from '../shared/cloud-keys.js';
import { endpointProblems, nameOfEndpoint } from '../shared/endpoint.js';

export const awsProviderSchema = closed(
  {
    providerType: Type.Literal('aws'),
    credentials: Type.Optional(
      closed(
        { accessKeyId: text('Access key.'), secretAccessKey: text('Its secret.') },
        'Without it the SDK’s own chain is used (instance role, environment, shared files).',
      ),
    ),
    endpoint: optionalUrl('Where EC2 is, instead of Amazon’s own endpoints; plain http only on a loopback address.'),
    regions: Type.Union([Type.Array(Type.String({ minLength: 1 })), Type.Null()], {
      default: null,
      description: 'Regions that pools may use; null means every region of the account.',
    }),
    identityCertificates: optionalText(
      'Path to JSON `{region: {rsa: PEM}}`: Amazon’s certificates, in the place of the shipped ones of these regions.',
    ),
    ...cloudKeys,
  },
  'Amazon EC2.',
);

export type AwsProviderConfig = DeepReadonly<Static<typeof awsProviderSchema>>;

export const checkAwsConfig = ({ endpoint }: AwsProviderConfig): readonly Problem[] => endpointProblems(endpoint);

export const awsAccount = ({ endpoint }: AwsProviderConfig): string =>
  `AWS at ${nameOfEndpoint(endpoint, 'Amazon’s own endpoints')}`;

/** AWS tells the account by the access key only; two keys of one account are two accounts here. */
export const awsBudget = ({ endpoint, credentials }: AwsProviderConfig): string =>
  budgetName('aws', endpoint, credentials?.accessKeyId ?? null);
