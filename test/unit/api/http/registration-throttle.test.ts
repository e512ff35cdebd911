import { describe, expect, test } from '@jest/globals';
import { networkOf, Throttle } from '../../../../api/http/registration-throttle.js';

describe('networkOf', () => {
  test.each([
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::1', '2001:db8:1:2::/64'],
    ['2001:db8::7', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4::/64'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:4711', '192.0.2.1'],
    ['[2001:db8:1:2::7]:4711', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::7]', '2001:db8:1:2::/64'],
    ['[::ffff:192.0.2.1]:80', '192.0.2.1'],
    ['unknown', 'unknown'],
    ['_hidden:80', '_hidden'],
    ['', ''],
  ])('networkOf gives %s the network %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});

describe('Throttle', () => {
  test('the throttle allows a burst of failures, then as many as are forgotten', () => {
    let now = 1000;
    const throttle = new Throttle({ burst: 3, eachCountsMs: 100 }, 'too many', () => now);
    for (const _ of [1, 2, 3]) {
      throttle.assertAllowed('a');
      throttle.count('a');
    }
    expect(() => throttle.assertAllowed('a')).toThrow('too many');
    throttle.assertAllowed('b');
    now += 100;
    throttle.assertAllowed('a');
    throttle.count('a');
    expect(() => throttle.assertAllowed('a')).toThrow('too many');
  });
});
