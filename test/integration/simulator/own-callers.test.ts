import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';

let simulator: SimulatorHandle;
beforeAll(async () => {
  simulator = await startSimulator();
});
afterAll(() => simulator.stop());

/** `fetch` lets nobody set the Host header. */
function statusOf(method: string, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(`${simulator.url}${path}`, { method, headers }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode ?? 0));
    });
    call.on('error', reject);
    call.end();
  });
}

describe('a control', () => {
  const own = () => new URL(simulator.url).host;

  test('a control answers programs, and pages of the simulator itself', async () => {
    expect(await statusOf('GET', '/simulator/state', {})).toBe(200);
    expect(await statusOf('POST', '/simulator/reset', { origin: `http://${own()}` })).toBe(200);
  });

  test.each<Record<string, string>>([
    { origin: 'http://attacker.example' },
    { origin: 'null' },
    { origin: 'http://localhost:1' },
    { host: 'attacker.example' },
    { host: 'attacker.example', origin: 'http://attacker.example' },
  ])('a control refuses a foreign page, which sends %j', async (headers) => {
    expect(await statusOf('GET', '/simulator/state', headers)).toBe(403);
    expect(await statusOf('POST', '/simulator/reset', headers)).toBe(403);
  });
});
