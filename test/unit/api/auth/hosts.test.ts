import { expect, test } from '@jest/globals';
import { possibleHosts } from '../../../../api/auth/hosts.js';

test('possibleHosts gives each request a handful of hosts to verify, however many names X-Forwarded-Host lists', () => {
  const own = ['https://tc.example.com', 'https://workers.example.com'];
  // Ports of our own names: each would be one more signature to compute.
  const forwardedHost = Array.from({ length: 2_600 }, (_, n) => `tc.example.com:${n + 1}`).join(', ');
  const hosts = possibleHosts({ host: 'localhost:8080', forwardedHost }, own);
  expect(hosts).toContainEqual({ host: 'tc.example.com', port: 2_600 });
  expect(hosts.length).toBeLessThanOrEqual(6);
});
