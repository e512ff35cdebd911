import { Refusal } from '../errors.js';
import type { RequestLimits } from '../ec2/request-limits.js';
import { bucketSizes, oneOf, text, type Body } from '../control/input.js';
import type { Arm } from './arm.js';
import { attestedFacts, signDocument } from './attested-document.js';
import type { AzureKeys } from './certificates.js';
import { armLimits } from './limits.js';
import { renderOperation, renderResource } from './render.js';
import type { Resource } from './resource.js';

export interface AzureControlContext {
  readonly arm: Arm;
  readonly limits: RequestLimits;
  readonly keys: () => AzureKeys;
  readonly setSecret: (secret: string) => void;
}

/** `/simulator/azure/<what>/<id>`, and what each call answers with. */
export function controlAzure(
  context: AzureControlContext,
  method: string,
  what: string,
  id: string,
  body: Body,
): unknown {
  const { arm, keys } = context;
  switch (`${method} ${what}`) {
    case 'GET certificates':
      return azureCertificates(keys());
    case 'GET resources':
      return arm.run((store) => ({
        resources: [...store.resources()].map((one) => ({ ...renderResource(one), usedBy: one.usedBy })),
        deployments: [...store.deployments()].map((one) => one.id),
      }));
    case 'GET operations':
      return arm.run((store) => ({
        operations: [...store.pending()].map((one) => ({
          ...renderOperation(one),
          targetId: one.targetId,
          method: one.method,
        })),
      }));
    case 'POST operations': {
      const how = oneOf(body, 'how', ['succeed', 'fail'], 'succeed');
      const failure = { code: how === 'fail' ? text(body, 'code') : '', message: 'ended on purpose' };
      return { ended: arm.end(id, how === 'fail' ? { how, failure } : { how }) };
    }
    case 'POST limits':
      context.limits.configure(body['like'] === 'arm' ? armLimits : bucketSizes(body));
      return {};
    case 'POST untag':
      // As a template leaves it that passes no tags on.
      arm.run((store) => {
        for (const resource of store.resources()) resource.tags = {};
      });
      return {};
    case 'POST client-secret':
      context.setSecret(text(body, 'secret'));
      return {};
    default:
      throw new Refusal('ResourceNotFound', `there is no control ${method} azure/${what}`, 404);
  }
}

/** In the form of the product's configuration. */
const azureCertificates = (keys: AzureKeys) => ({
  trustedRoots: [keys.root.certificate],
  trustedIntermediates: [keys.intermediate.certificate],
  tlsCa: keys.root.certificate,
});

/** A document about a machine with a good signature; with `facts` it may say what the real service never would. */
export function attestedDocument(keys: AzureKeys, vm: Resource, body: Body): { document: string } {
  const facts = { ...attestedFacts(vm, '', Date.now()), ...(body['facts'] as Record<string, unknown> | undefined) };
  return { document: signDocument(facts, keys.signer) };
}
