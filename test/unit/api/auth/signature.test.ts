import { expect, test } from '@jest/globals';
import { usedSignature } from '../../../../api/auth/replay.js';
import { hasBewit, hawkAttributes, presentedSignature } from '../../../../api/auth/signature.js';

const header = 'Hawk id="a/b", ts="1764345600", nonce="n ext=", ext="ZXh0", mac="bWFj="';
const bewit = Buffer.from('a/b\\1764345600\\bWFj=\\ZXh0').toString('base64url');

test('presentedSignature reads client, ext and time off a Hawk header, whatever its values look like', () => {
  const presented = presentedSignature({ url: '/x', authorization: header });
  expect(presented).toEqual({ scheme: 'hawk', clientId: 'a/b', ext: 'ZXh0', instant: '1764345600' });
});

test.each(['/x?bewit=', '/x?limit=3&bewit=', '/x?bewit=other&bewit='])(
  'presentedSignature reads client, ext and time off the bewit of %s',
  (url) => {
    const presented = presentedSignature({ url: `${url}${bewit}`, authorization: undefined });
    expect(presented).toEqual({ scheme: 'bewit', clientId: 'a/b', ext: 'ZXh0', instant: '1764345600' });
  },
);

test.each([
  ['/x', undefined],
  ['/x?abewit=1', undefined],
  ['/x', 'Bearer token'],
  ['/x', 'Hawkish id="a"'],
])('presentedSignature finds none in %s with the header %s', (url, authorization) => {
  expect(presentedSignature({ url, authorization })).toBeNull();
});

test('hasBewit knows a bewit by its key, also an empty one', () => {
  const has = (url: string) => hasBewit({ url, authorization: undefined });
  expect([has('/x?bewit='), has('/x?a=b&bewit=c'), has('/bewit=x'), has('/x?xbewit=c')]).toEqual([
    ...[true, true, false, false],
  ]);
});

test('hawkAttributes stops where the header is no list of attributes', () => {
  expect([...hawkAttributes('Hawk id="a", nonsense, mac="b"').keys()]).toEqual(['id']);
});

test('usedSignature is kept for twenty minutes after the time in it, and does not hold the MAC', () => {
  const used = usedSignature(header);
  expect(used?.until).toBe((1764345600 + 20 * 60) * 1000);
  expect(used?.digest).toMatch(/^[\w-]{43}$/);
  expect(usedSignature(header.replace('bWFj=', 'b3RoZXI='))?.digest).not.toBe(used?.digest);
  expect(usedSignature('Bearer token')).toBeNull();
});
