import { TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { ProviderError } from '../errors.js';
import { aboutCalls } from '../shared/attempts.js';
import type { Ec2Calls } from './calls.js';

/** TerminateInstances takes at most this many ids. */
export const MAX_TERMINATE_IDS = 1_000;
/** Errors name the ids that they are about; after this many such answers the rest waits for its next turn. */
const MAX_NAMING_ROUNDS = 2;

/**
 * Terminates instances of one region. EC2 refuses the whole call because of one bad id and usually names it: those ids
 * get their verdict and the others are sent again; when it names none, the halves are tried apart. Gives the ids that
 * failed; an id that EC2 does not know is gone, which is what was requested. Throws what concerns all of them
 * (throttled, no permission, no answer).
 */
export async function terminateInstances(
  calls: Ec2Calls,
  region: string,
  ids: readonly string[],
): Promise<Map<string, ProviderError>> {
  const failures = new Map<string, ProviderError>();
  let rest = ids;
  for (let round = 0; rest.length > 0; round++) {
    const refusal = await terminate(calls, region, rest);
    if (!refusal) return failures;
    if (!isAboutSomeIds(refusal)) throw refusal;
    const named = rest.length === 1 ? rest : rest.filter((id) => isNamed(id, refusal.message));
    for (const id of named) if (refusal.code !== 'NotFound') failures.set(id, refusal);
    const others = rest.filter((id) => !named.includes(id));
    if (named.length === 0) {
      const half = Math.ceil(rest.length / 2);
      for (const part of [rest.slice(0, half), rest.slice(half)]) {
        for (const [id, failure] of await terminateInstances(calls, region, part)) failures.set(id, failure);
      }
      return failures;
    }
    if (round === MAX_NAMING_ROUNDS) {
      const later = new ProviderError({ code: 'Unavailable', message: `not reached yet: ${refusal.message}` });
      for (const id of others) failures.set(id, later);
      return failures;
    }
    rest = others;
  }
  return failures;
}

async function terminate(calls: Ec2Calls, region: string, ids: readonly string[]): Promise<ProviderError | null> {
  const command = new TerminateInstancesCommand({ InstanceIds: [...ids] });
  try {
    await aboutCalls({ launchToken: null, workerPoolId: null, subjects: ids }, () =>
      calls.call(region, 'delete', 'TerminateInstances', (client) => client.send(command)),
    );
    return null;
  } catch (error) {
    if (error instanceof ProviderError) return error;
    throw error;
  }
}

/** Unknown or malformed ids, and instances with termination protection. */
const isAboutSomeIds = ({ cloudCode }: ProviderError): boolean =>
  cloudCode === 'OperationNotPermitted' || (cloudCode?.startsWith('InvalidInstanceID') ?? false);

const isNamed = (id: string, message: string): boolean => new Set<string>(message.match(/\bi-[0-9a-zA-Z]+/g)).has(id);
