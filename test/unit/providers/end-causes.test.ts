import { expect, test } from '@jest/globals';
import { causeOf as awsCauseOf } from '../../../providers/aws/instances.js';
import { causeOf as azureCauseOf } from '../../../providers/azure/observe/observations.js';
import { causeOf as googleCauseOf } from '../../../providers/google/explain.js';

test.each([
  ['Server.InsufficientInstanceCapacity', 'capacity'],
  ['Server.SpotInstanceTermination', 'preempted'],
  ['Server.SpotInstanceShutdown: Spot instance shutdown', 'preempted'],
  ['insufficient host capacity: INSUFFICIENTCAPACITY', 'capacity'],
  ['Client.VolumeLimitExceeded: Volume limit exceeded', 'quota'],
  ['Client.InternalError: Client error on launch', 'other'],
  ['', 'other'],
] as const)('an instance of EC2 that ends at launch with %j has the cause %s', (reason, cause) => {
  expect(awsCauseOf(reason)).toBe(cause);
});

test.each([
  ['AllocationFailed: none left', 'capacity'],
  ['preempted: the Spot VM is deallocated', 'preempted'],
  ['The vCPU quota is used up', 'quota'],
  ['OSProvisioningTimedOut: no word', 'other'],
] as const)('a VM of Azure that ends at launch with %j has the cause %s', (reason, cause) => {
  expect(azureCauseOf(reason)).toBe(cause);
});

test.each([
  ['preempted: Google needed its capacity', 'preempted'],
  ['ZONE_RESOURCE_POOL_EXHAUSTED: none left', 'capacity'],
  ['Quota CPUS exceeded', 'quota'],
  ['delete by somebody', 'other'],
] as const)('an instance of Google that ends at launch with %j has the cause %s', (reason, cause) => {
  expect(googleCauseOf(reason)).toBe(cause);
});
