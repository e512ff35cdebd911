import { expect, test } from '@jest/globals';
import { canBecome, workerStates } from '../../../domain/worker.js';

test('a worker goes from requested over running and stopping to stopped, or leaves out running, and never back', () => {
  const steps = workerStates.flatMap((from) =>
    workerStates.filter((to) => canBecome(from, to)).map((to) => `${from} → ${to}`),
  );
  expect(steps).toEqual(['requested → running', 'requested → stopping', 'running → stopping', 'stopping → stopped']);
});
