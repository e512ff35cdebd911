import { expect, test } from '@jest/globals';
import { boundedCredential } from '../../../../providers/azure/arm/client.js';

const token = { token: 'secret', expiresOnTimestamp: 1 };

test('a token that comes is given as it is', async () => {
  expect(await boundedCredential({ getToken: async () => token }).getToken('scope')).toEqual(token);
});

test('a token that does not come in time leaves its call to be repeated', async () => {
  const silent = { getToken: () => new Promise<never>(() => {}) };
  await expect(boundedCredential(silent, 10).getToken('scope')).rejects.toMatchObject({
    code: 'Unavailable',
    message: 'No token for Azure: no answer within 0.01 s',
  });
});

test('a token that is refused is refused with the login’s own words', async () => {
  const refusing = { getToken: () => Promise.reject(new Error('AADSTS7000215')) };
  await expect(boundedCredential(refusing).getToken('scope')).rejects.toThrow('AADSTS7000215');
});
