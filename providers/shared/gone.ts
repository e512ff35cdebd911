import type { MachineRef, Observation } from '../provider.js';

/** Of a machine that its cloud no longer knows, and of which nothing is left. */
export const gone = ({ workerGroup, workerId, location }: MachineRef): Observation => ({
  workerGroup,
  workerId,
  location,
  state: 'gone',
  reason: null,
  launchToken: null,
  workerPoolId: null,
  resources: {},
});
