import { ProviderError } from '../../errors.js';
import type { LaunchSpec, ProviderContext } from '../../provider.js';

/** Azure's limit, in bytes before base64 (REST reference, OSProfile). */
const MAX_CUSTOM_DATA_BYTES = 65_535;

/**
 * What worker-runner reads on the machine, base64 JSON (docs/taskcluster-compatibility.md#worker-information). Unlike
 * AWS it has no workerConfig: that comes with the registration. Throws ProviderError(InvalidRequest) when it is too
 * long.
 */
export function customData(spec: LaunchSpec, workerGroup: string, context: ProviderContext): string {
  const bytes = Buffer.from(
    JSON.stringify({
      workerPoolId: spec.workerPoolId,
      providerId: context.providerId,
      workerGroup,
      rootUrl: context.rootUrl,
      workerConfig: {},
    }),
  );
  if (bytes.length > MAX_CUSTOM_DATA_BYTES) {
    throw new ProviderError({
      code: 'InvalidRequest',
      title: 'Custom data is too long',
      message: `The custom data of launch config ${spec.launchConfigId} has ${bytes.length} bytes; Azure takes ${MAX_CUSTOM_DATA_BYTES}.`,
    });
  }
  return bytes.toString('base64');
}
