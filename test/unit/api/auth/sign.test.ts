import { expect, test } from '@jest/globals';
import { signedBy } from '../../../../api/auth/sign.js';
import { hawkAttributes } from '../../../../api/auth/signature.js';
import { HOUR_MS } from '../../../../domain/durations.js';

const NOW = Date.parse('2026-11-28T12:00:00.000Z');
const ops = { clientId: 'project/ops', accessToken: 'access-token-of-the-operator' };

test('signedBy signs for the client, with its certificate, at the instant that is given', () => {
  const certificate = JSON.stringify({ version: 1, scopes: ['a'], expiry: NOW + HOUR_MS, seed: 's' });
  const where = { method: 'GET', url: 'http://localhost:8080/api/x?y=1' };
  const attributes = hawkAttributes(signedBy({ ...ops, certificate }, where, NOW));
  expect([attributes.get('id'), attributes.get('ts')]).toEqual([ops.clientId, String(NOW / 1000)]);
  const ext = JSON.parse(Buffer.from(attributes.get('ext')!, 'base64').toString()) as object;
  expect(ext).toEqual({ certificate: JSON.parse(certificate) as object });
});
