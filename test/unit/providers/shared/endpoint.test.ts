import { expect, test } from '@jest/globals';
import { parseEndpoint } from '../../../../providers/shared/endpoint.js';

test.each(['http://127.0.0.1:5000', 'http://localhost:5000', 'http://[::1]:5000', 'http://127.8.9.10'])(
  'an endpoint of plain http at %s is an emulator',
  (url) => {
    expect(parseEndpoint(url)).toEqual({ url: expect.stringContaining('http://'), isEmulator: true });
  },
);

test('an endpoint of https may be anywhere and is no emulator', () => {
  expect(parseEndpoint('https://ec2.example.com')?.isEmulator).toBe(false);
});

test('a missing endpoint is the vendor’s own', () => {
  expect(parseEndpoint(null)).toBeNull();
  expect(parseEndpoint(undefined)).toBeNull();
});

test.each([
  ['http://example.com', 'loopback'],
  ['http://127.0.0.1.example.com', 'loopback'],
  ['http://10.0.0.1', 'loopback'],
  ['ftp://127.0.0.1', 'http or https'],
  ['nonsense', 'http or https'],
  ['https://user:password@example.com', 'credentials'],
])('the endpoint %s is rejected', (url, why) => {
  expect(() => parseEndpoint(url)).toThrow(why);
});
