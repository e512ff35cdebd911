import { DescribeInstancesCommand, type DescribeInstancesCommandInput } from '@aws-sdk/client-ec2';
import type { MachineLocation } from '../../domain/worker.js';
import { ignoreNotFound, ProviderError } from '../errors.js';
import type { Ec2Calls } from './calls.js';

/** DescribeInstances gives at most this many in a page. */
const PAGE_SIZE = 1_000;

/** The SDK reads a success without a body as an answer without members; it says nothing of what EC2 did or has. */
export const emptyAnswer = (operation: string) =>
  new ProviderError({ code: 'Unavailable', message: `${operation} was answered without a word about any instance` });

/** All pages of reservations. */
export async function* describe(calls: Ec2Calls, region: string, input: DescribeInstancesCommandInput) {
  let token: string | undefined;
  do {
    const command = new DescribeInstancesCommand({ ...input, MaxResults: PAGE_SIZE, NextToken: token });
    const page = await calls.call(region, 'read', 'DescribeInstances', (client) => client.send(command));
    // EC2 shows an empty set where there are none; an answer without any set is not EC2's, and proves no absence.
    if (!page.Reservations) throw emptyAnswer('DescribeInstances');
    yield page.Reservations;
    token = page.NextToken || undefined;
  } while (token);
}

/** Null when EC2 says that there is no such instance: only those words prove it. */
export async function describeOne(calls: Ec2Calls, region: string, instanceId: string) {
  const command = new DescribeInstancesCommand({ InstanceIds: [instanceId] });
  const answer = await ignoreNotFound(
    calls.call(region, 'read', 'DescribeInstances', (client) => client.send(command)),
  );
  return answer === null ? null : (answer.Reservations ?? []);
}

export const tagFilter = (tags: Record<string, string>): DescribeInstancesCommandInput => ({
  Filters: Object.entries(tags).map(([key, value]) => ({ Name: `tag:${key}`, Values: [value] })),
});

export const regionsOf = (locations: readonly MachineLocation[]): string[] => [
  ...new Set(locations.flatMap(({ region }) => (region === null ? [] : [region]))),
];
