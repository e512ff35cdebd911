import { expect, test } from '@jest/globals';
import { likelyHosts, possibleHosts } from '../../../../api/auth/hosts.js';

test('possibleHosts gives each request a handful of hosts to verify, however many names X-Forwarded-Host lists', () => {
  const own = ['https://tc.example.com', 'https://workers.example.com'];
  // Ports of our own names: each would be one more signature to compute.
  const forwardedHost = Array.from({ length: 2_600 }, (_, n) => `tc.example.com:${n + 1}`).join(', ');
  const hosts = possibleHosts({ host: 'localhost:8080', forwardedHost }, own);
  expect(hosts).toContainEqual({ host: 'tc.example.com', port: 2_600 });
  expect(hosts.length).toBeLessThanOrEqual(6);
});

test('possibleHosts begins with the host that the request names', () => {
  const own = ['https://tc.example.com', 'https://workers.example.com'];
  const firstOf = (host: string) => possibleHosts({ host, forwardedHost: undefined }, own)[0];
  expect(firstOf('localhost:8080')).toEqual({ host: 'localhost', port: 8_080 });
  expect(firstOf('workers.example.com')).toEqual({ host: 'workers.example.com', port: 443 });
});

const ownUrls = ['https://tc.example.com', 'http://inner.example:8080'];

test.each<[string, { host?: string; forwardedHost?: string }, string[]]>([
  ['a name of ours without a port', { host: 'tc.example.com' }, ['tc.example.com:443']],
  ['a name of ours whose port a proxy has taken off', { host: 'inner.example' }, ['inner.example:8080']],
  [
    'a name of ours with a port that is not',
    { host: 'tc.example.com:8443' },
    ['tc.example.com:8443', 'tc.example.com:443'],
  ],
  ['a name of this machine', { host: '127.0.0.1:4711' }, ['127.0.0.1:4711']],
  ['a name of this machine without a port', { host: 'localhost' }, ['localhost:80']],
  ['a name that a trusted proxy gives', { host: 'x', forwardedHost: 'a, inner.example:8080' }, ['inner.example:8080']],
  ['a foreign name', { host: 'elsewhere' }, ['tc.example.com:443', 'inner.example:8080']],
  ['no name', {}, ['tc.example.com:443', 'inner.example:8080']],
])('likelyHosts of %s are those that it speaks for', (_, { host, forwardedHost }, expected) => {
  const hosts = likelyHosts({ host, forwardedHost }, ownUrls);
  expect(hosts.map((each) => `${each.host}:${each.port}`)).toEqual(expected);
});
