import { expect, test } from '@jest/globals';
import {
  aboutCalls,
  type CallAttempt,
  noteCall,
  noteRefusedPlace,
  recordingCalls,
  takeAttempts,
} from '../../../../providers/shared/attempts.js';

const outcome = { durationMs: 5, waitedMs: 1, result: 'ok', cloudCode: null, message: null, requestId: 'r' };
const call = (callClass: 'create' | 'delete' | 'read') => ({
  ...{ providerId: 'aws', operation: 'Op', callClass, region: 'us-east-1' },
});
const launch = { launchToken: 't', workerPoolId: 'proj/pool', subjects: [] };

test('a call of a launch is kept for the statement that records what came of it', async () => {
  const written: CallAttempt[] = [];
  const taken = await recordingCalls(
    launch,
    async () => {
      noteCall(call('create'), outcome, (attempt) => written.push(attempt));
      return takeAttempts();
    },
    (attempt) => written.push(attempt),
  );
  expect(taken).toMatchObject([{ ...launch, ...outcome, call: { operation: 'Op' } }]);
  expect(written).toEqual([]);
});

test('a call of a launch that no statement has taken is written by itself, also when the launch fails', async () => {
  const written: CallAttempt[] = [];
  const fail = async () => {
    noteCall(call('create'), outcome, () => {});
    throw new Error('no database');
  };
  await expect(recordingCalls(launch, fail, (attempt) => written.push(attempt))).rejects.toThrow('no database');
  expect(written).toMatchObject([launch]);
});

test('any other call is written at once, with what it is about', () => {
  const written: CallAttempt[] = [];
  const about = { launchToken: null, workerPoolId: null, subjects: ['i-1', 'i-2'] };
  aboutCalls(about, () => noteCall(call('delete'), outcome, (attempt) => written.push(attempt)));
  noteCall(call('create'), outcome, (attempt) => written.push(attempt));
  expect(written.map(({ subjects }) => subjects)).toEqual([['i-1', 'i-2'], []]);
});

test('a read leaves nothing', () => {
  const written: CallAttempt[] = [];
  noteCall(call('read'), outcome, (attempt) => written.push(attempt));
  expect(written).toEqual([]);
});

test('a place that was refused is kept of a launch alone', async () => {
  const refused = { ...outcome, result: 'Throttled' };
  const written: CallAttempt[] = [];
  aboutCalls({ ...launch, subjects: ['vm'] }, () => noteRefusedPlace(call('delete'), refused));
  await recordingCalls(
    launch,
    async () => noteRefusedPlace(call('create'), refused),
    (attempt) => written.push(attempt),
  );
  expect(written).toMatchObject([{ result: 'Throttled', call: { callClass: 'create' } }]);
});
