import { describe, expect, test } from '@jest/globals';
import { Clients } from '../../../../api/auth/client.js';
import { mayUseCookie, openSession, SESSION_COOKIE, sessionOf } from '../../../../api/auth/session.js';
import { HOUR_MS } from '../../../../domain/durations.js';

const NOW = Date.parse('2026-11-28T12:00:00.000Z');
const issuer = { clientId: 'issuer', accessToken: 'access-token-of-the-issuer' };
const ops = { clientId: 'ops/ö é', accessToken: 'access-token-of-the-operator', scopes: ['a'] };
const clientsOf = (...configured: (typeof ops & { expires?: string })[]) => new Clients(configured, issuer);
const clients = clientsOf(ops);
const known = { clients, deploymentKey: 'key' };
const client = clients.find(ops.clientId, NOW)!;
const session = openSession('key', client, NOW);
const cookie = `other=1; ${SESSION_COOKIE}=${session.value}; more=2`;

describe('a session', () => {
  test('a session gives its client, with the scopes of now, for twelve hours', () => {
    expect(session).toMatchObject({ clientId: ops.clientId, expires: NOW + 12 * HOUR_MS });
    expect(sessionOf(cookie, known, NOW)?.client.scopes).toEqual(['a']);
    const changed = { ...known, clients: clientsOf({ ...ops, scopes: ['b'] }) };
    expect(sessionOf(cookie, changed, NOW)?.client.scopes).toEqual(['b']);
    expect(sessionOf(cookie, known, NOW + 12 * HOUR_MS - 1)).not.toBeNull();
    expect(sessionOf(cookie, known, NOW + 12 * HOUR_MS)).toBeNull();
  });

  test('a session ends with its client, with the access token it was opened with, and with the deployment’s key', () => {
    expect(sessionOf(cookie, { ...known, clients: clientsOf() }, NOW)).toBeNull();
    const replaced = clientsOf({ ...ops, accessToken: 'another-token-of-the-operator' });
    expect(sessionOf(cookie, { ...known, clients: replaced }, NOW)).toBeNull();
    expect(sessionOf(cookie, { ...known, deploymentKey: 'other' }, NOW)).toBeNull();
  });

  test('a session lasts no longer than its client', () => {
    const expiring = clientsOf({ ...ops, expires: '2026-11-28T13:00:00.000Z' });
    expect(openSession('key', expiring.find(ops.clientId, NOW)!, NOW).expires).toBe(NOW + HOUR_MS);
  });

  test('a cookie that was changed in any place is no session', () => {
    for (let at = 0; at < session.value.length; at += 1) {
      const other = session.value[at] === 'A' ? 'B' : 'A';
      const changed = `${session.value.slice(0, at)}${other}${session.value.slice(at + 1)}`;
      expect(sessionOf(`${SESSION_COOKIE}=${changed}`, known, NOW)).toBeNull();
    }
    for (const odd of [
      undefined,
      '',
      'x',
      `${SESSION_COOKIE}=`,
      `${SESSION_COOKIE}=..`,
      `x${SESSION_COOKIE}=${session.value}`,
    ]) {
      expect(sessionOf(odd, known, NOW)).toBeNull();
    }
  });
});

describe('mayUseCookie', () => {
  const own = ['https://wm.example'];
  const request = {
    ...{ method: 'GET', host: 'wm.example', forwardedHost: undefined },
    ...{ origin: undefined, site: undefined, contentType: undefined },
  };
  const write = { ...request, method: 'POST', origin: 'https://wm.example', contentType: 'application/json' };

  test.each([
    ['a GET without an Origin', request, true],
    ['a GET of a page of ours', { ...request, origin: 'https://wm.example', site: 'same-origin' }, true],
    ['an address that somebody typed', { ...request, site: 'none' }, true],
    ['a GET of another origin', { ...request, origin: 'https://evil.example' }, false],
    ['a GET of another origin on the same host', { ...request, origin: 'https://wm.example:8443' }, false],
    ['a GET of another site that names no origin', { ...request, site: 'cross-site' }, false],
    ['a GET of a neighbour of the same site', { ...request, site: 'same-site' }, false],
    ['an opaque origin', { ...request, origin: 'null' }, false],
    ['a change by a page of ours', write, true],
    ['a change that names its charset', { ...write, contentType: 'application/json; charset=utf-8' }, true],
    ['a change without an Origin', { ...write, origin: undefined }, false],
    ['a change by a page of another origin', { ...write, origin: 'https://evil.example' }, false],
    ['a form', { ...write, contentType: 'application/x-www-form-urlencoded' }, false],
    ['a change without a type', { ...write, contentType: undefined }, false],
    ['a proxy that kept our name apart', { ...write, host: 'inner:80', forwardedHost: 'wm.example' }, true],
    ['a host that is not among our URLs', { ...write, host: 'localhost:8080', origin: 'http://localhost:8080' }, true],
  ])('the cookie of %s counts as it should', (_, sent, counts) => {
    expect(mayUseCookie(sent, own)).toBe(counts);
  });
});
