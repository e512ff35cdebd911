import { describe, expect, test } from '@jest/globals';
import { endOfSession, sealSession, unsealSession } from '../../../../api/auth/sealed-session.js';
import { SESSION_COOKIE } from '../../../../api/auth/session.js';
import type { TaskclusterCredentials } from '../../../../api/auth/sign.js';
import { HOUR_MS } from '../../../../domain/durations.js';

const NOW = Date.parse('2026-11-28T12:00:00.000Z');
const ops = { clientId: 'project/ops', accessToken: 'access-token-of-the-operator' };
const session = { credentials: ops, expires: NOW + 12 * HOUR_MS };
const value = sealSession('key', session)!;
const cookie = `other=1; ${SESSION_COOKIE}=${value}; more=2`;
const certificateUntil = (expiry: number) => JSON.stringify({ version: 1, scopes: ['a'], expiry, seed: 's' });

describe('a sealed session', () => {
  test('a sealed session gives its credentials until it ends, and shows nobody else any of them', () => {
    expect(unsealSession(cookie, 'key', NOW)).toEqual(session);
    expect(unsealSession(cookie, 'key', session.expires)).toBeNull();
    expect(unsealSession(cookie, 'other key', NOW)).toBeNull();
    expect(unsealSession(`${SESSION_COOKIE}=sealed.AAAA`, 'key', NOW)).toBeNull();
    expect(unsealSession('other=1', 'key', NOW)).toBeNull();
    const bytes = Buffer.from(value, 'base64url').toString('latin1');
    for (const secret of [ops.clientId, ops.accessToken]) expect(value + bytes).not.toContain(secret);
    expect(sealSession('key', session)).not.toBe(value);
  });

  test('a cookie that was changed in any place is no sealed session', () => {
    for (let at = 'sealed.'.length; at < value.length - 1; at += 1) {
      const changed = `${value.slice(0, at)}${value[at] === 'A' ? 'B' : 'A'}${value.slice(at + 1)}`;
      expect(unsealSession(`${SESSION_COOKIE}=${changed}`, 'key', NOW)).toBeNull();
    }
  });

  test('credentials that do not fit into a cookie are not sealed', () => {
    const credentials = { ...ops, certificate: JSON.stringify({ scopes: ['x'.repeat(4_000)] }) };
    expect(sealSession('key', { ...session, credentials })).toBeNull();
  });

  test.each<[string, TaskclusterCredentials, number]>([
    ['permanent credentials', ops, 12 * HOUR_MS],
    ['credentials that end before', { ...ops, certificate: certificateUntil(NOW + HOUR_MS) }, HOUR_MS],
    ['credentials that last longer', { ...ops, certificate: certificateUntil(NOW + 20 * HOUR_MS) }, 12 * HOUR_MS],
    ['a certificate that is none', { ...ops, certificate: 'no JSON' }, 12 * HOUR_MS],
  ])('a sealed session of %s ends with them, after twelve hours at most', (_, credentials, lastsMs) => {
    expect(endOfSession(credentials, NOW)).toBe(NOW + lastsMs);
  });
});
