import { expect, test } from '@jest/globals';
import { explainEnds } from '../../../../activities/scan/explain-ends.js';
import type { SeenMachine } from '../../../../domain/observation.js';
import type { LiveWorker } from '../../../../database/workers.js';
import { ProviderError } from '../../../../providers/errors.js';
import type { Machines } from '../../../../providers/provider.js';
import { recordedContext } from '../../../support/provider-context.js';
import { RecordingCloud } from '../../../support/recording-cloud.js';
import { recordingProvider } from '../../../support/recording-provider.js';

const WORDS = 'preempted: the cloud needed its capacity';

/** A cloud that knows of all machines why they ended. */
function explainingCloud(): RecordingCloud {
  const cloud = new RecordingCloud();
  cloud.explanations = new Map();
  return cloud;
}

interface EndShape {
  readonly workerId?: string;
  readonly of?: LiveWorker['state'];
  readonly state?: SeenMachine['state'];
  readonly reason?: string | null;
}

function ended(cloud: RecordingCloud, shape: EndShape = {}) {
  const { workerId = 'w', of = 'requested', state = 'gone', reason = null } = shape;
  cloud.explanations?.set(workerId, WORDS);
  const location = { account: 'account', region: 'here', group: null };
  const worker = { workerPoolId: 'proj/pool', workerGroup: 'here', workerId, location, state: of } as LiveWorker;
  return { worker, machine: { workerGroup: 'here', workerId, state, reason, launchToken: null, resources: {} } };
}

async function explained(cloud: RecordingCloud, ends: readonly ReturnType<typeof ended>[]) {
  const { machines } = recordingProvider(recordedContext(), cloud, 'bulk');
  const failures: unknown[] = [];
  const all = await explainEnds(machines!, ends, (error) => void failures.push(error));
  return { reasons: all.map(({ machine: { reason } }) => reason), failures };
}

const reasonsOf = async (...of: Parameters<typeof explained>) => (await explained(...of)).reasons;

test.each([
  ['that failed before it had registered', { state: 'failed' }],
  ['that failed while its worker ran', { of: 'running', state: 'failed' }],
  ['that stops by itself', { of: 'running', state: 'stopping' }],
  ['that is gone', { of: 'running' }],
] as const)('a machine %s gets the cloud’s words for its end', async (_what, shape) => {
  const cloud = explainingCloud();
  expect(await reasonsOf(cloud, [ended(cloud, shape)])).toEqual([WORDS]);
});

test.each([
  ['that is removed', { of: 'stopping' }],
  ['that is being created', { state: 'pending' }],
  ['that runs', { state: 'running' }],
] as const)('a machine %s is not asked about', async (_what, shape) => {
  const cloud = explainingCloud();
  expect(await reasonsOf(cloud, [ended(cloud, shape)])).toEqual([null]);
  expect(cloud.count('explain')).toBe(0);
});

test('a machine of which a list says that it was stopped gets the cloud’s words for it, or keeps the list’s', async () => {
  const cloud = explainingCloud();
  const ends = ['a', 'b'].map((workerId) => ended(cloud, { workerId, state: 'failed', reason: 'was stopped' }));
  cloud.explanations!.delete('b');
  expect(await reasonsOf(cloud, ends)).toEqual([WORDS, 'was stopped']);
});

test('an end of which the cloud knows nothing, or which it will not explain, has no reason, and the others have theirs', async () => {
  const cloud = explainingCloud();
  const ends = ['a', 'b', 'c'].map((workerId) => ended(cloud, { workerId }));
  cloud.explanations!.delete('b');
  cloud.fail({ operation: 'explain', error: new ProviderError({ code: 'Throttled', message: 'later' }) });
  expect(await reasonsOf(cloud, ends)).toEqual([null, null, WORDS]);
});

test('a fault of ours in an explanation is handed on, and keeps no other end from its reason', async () => {
  const cloud = explainingCloud();
  const fault = new TypeError('ours');
  cloud.fail({ operation: 'explain', error: fault });
  const ends = ['a', 'b'].map((workerId) => ended(cloud, { workerId }));
  expect(await explained(cloud, ends)).toEqual({ reasons: [null, WORDS], failures: [fault] });
});

test('an explanation that fails before it has begun is handed on, and keeps no other end from its reason', async () => {
  const cloud = explainingCloud();
  const ends = ['a', 'b'].map((workerId) => ended(cloud, { workerId }));
  const { machines } = recordingProvider(recordedContext(), cloud, 'bulk');
  const fault = new TypeError('ours');
  const explain: Machines['explain'] = (machine) => {
    if (machine.workerId === 'a') throw fault;
    return machines!.explain!(machine);
  };
  const failures: unknown[] = [];
  const all = await explainEnds({ ...machines!, explain }, ends, (error) => void failures.push(error));
  expect(all.map(({ machine: { reason } }) => reason)).toEqual([null, WORDS]);
  expect(failures).toEqual([fault]);
});

test('ends of more than 50 machines are explained fifty at a time, and all of them are reported', async () => {
  const cloud = explainingCloud();
  const ends = Array.from({ length: 60 }, (_, nth) => ended(cloud, { workerId: `w${nth}` }));
  const reasons = await reasonsOf(cloud, ends);
  expect(reasons.filter((reason) => reason === WORDS)).toHaveLength(50);
  expect(reasons.filter((reason) => reason === null)).toHaveLength(10);
});

/** A cloud whose one list knows of these machines why they ended. */
async function explainedTogether(
  cloud: RecordingCloud,
  ends: readonly ReturnType<typeof ended>[],
  explainTogether: Machines['explainTogether'],
) {
  const { machines } = recordingProvider(recordedContext(), cloud, 'bulk');
  const failures: unknown[] = [];
  const all = await explainEnds({ ...machines!, explainTogether }, ends, (error) => void failures.push(error));
  return { reasons: all.map(({ machine: { reason } }) => reason), failures };
}

test('ends that one list explains are not read singly, however many they are', async () => {
  const cloud = explainingCloud();
  const ends = Array.from({ length: 120 }, (_, nth) => ended(cloud, { workerId: `w${nth}`, state: 'failed' }));
  const listed = 'preempted: by the list';
  const { reasons } = await explainedTogether(
    cloud,
    ends,
    async (machines) => new Map(machines.slice(0, 100).map((machine) => [machine, listed])),
  );
  expect(reasons).toEqual([...Array(100).fill(listed), ...Array(20).fill(WORDS)]);
  expect(cloud.count('explain')).toBe(20);
});

test('ends are read singly when the list that would explain them fails', async () => {
  const cloud = explainingCloud();
  const fault = new TypeError('ours');
  const ends = ['a', 'b'].map((workerId) => ended(cloud, { workerId }));
  expect(await explainedTogether(cloud, ends, () => Promise.reject(fault))).toEqual({
    reasons: [WORDS, WORDS],
    failures: [fault],
  });
});

test('a single end is read singly', async () => {
  const cloud = explainingCloud();
  const explainTogether = () => Promise.reject(new TypeError('nobody calls this'));
  expect(await explainedTogether(cloud, [ended(cloud)], explainTogether)).toEqual({ reasons: [WORDS], failures: [] });
});

test('ends of a cloud that cannot be asked stay as they were listed', async () => {
  const cloud = new RecordingCloud();
  expect(await reasonsOf(cloud, [ended(cloud)])).toEqual([null]);
});
