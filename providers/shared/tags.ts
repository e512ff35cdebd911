/**
 * Names of the tags (Google: labels) by which every cloud's resources are known to be ours: the deployment, and the
 * launch that created them. A resource without this deployment's tag is not ours (ARCHITECTURE.md#only-ours).
 */
export const DEPLOYMENT_TAG = 'worker-manager-deployment';
export const LAUNCH_TAG = 'worker-manager-launch';
