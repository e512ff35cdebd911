import { describe, expect, test } from '@jest/globals';
import { azureStepLabels } from '../../../../providers/azure/config.js';
import type { LifecycleInput, LifecycleStatus } from '../../../../temporal/messages.js';
import { describeLifecycle } from '../../../../workflows/worker/details.js';

const steps = ['publicIp', 'networkInterface', 'vm'];
const input: LifecycleInput = {
  workerPoolId: 'proj/pool',
  workerGroup: 'westus',
  workerId: 'vm-1',
  providerId: 'azure',
  launchConfigId: 'lc-1',
  launchToken: 'token',
  capacity: 1,
  timing: { registrationMs: 1, reregistrationMs: 1, queueInactivityMs: 1 },
  location: { account: 'a', region: 'westus', group: 'g' },
  registrationDeadline: 0,
  creationSteps: steps,
  removalSteps: ['vm', 'networkInterface', 'publicIp', 'disks'],
  stepLabels: azureStepLabels,
};
const status: LifecycleStatus = {
  state: 'requested',
  phase: 'creating vm',
  deadline: 0,
  stopReason: null,
  createdSteps: ['publicIp', 'networkInterface'],
  removed: [],
  lastObservation: null,
  location: input.location,
};

describe('describeLife', () => {
  test('the details of a machine built step by step read as public IP → network interface → VM', () => {
    const lines = describeLifecycle(input, status).split('\n\n');
    expect(lines[0]).toBe('**requested** (creating vm)');
    expect(lines).toContain('Resources: public IP ✓ → network interface ✓ → VM');
  });

  test('the details of a stopping machine say what is still to be confirmed gone, in the order of its removal', () => {
    const stopping = {
      ...status,
      state: 'stopping' as const,
      createdSteps: steps,
      removed: ['vm'],
      stopReason: 'asked',
    };
    const lines = describeLifecycle(input, stopping).split('\n\n');
    expect(lines).toContain('Resources: public IP ✓ → network interface ✓ → ~~VM~~');
    expect(lines).toContain('Still to be confirmed gone: network interface, public IP, disks');
  });
});
