import { beforeEach, describe, expect, test } from '@jest/globals';
import { RememberedAdvice } from '../../../../api/http/remembered-advice.js';
import type { Advice } from '../../../../database/termination-advice.js';

const worker = { workerPoolId: 'prov/pool', workerGroup: 'here', workerId: 'i-1' };
const KEY = 'prov/pool/here/i-1';
const keep: Advice = { terminate: false, reason: 'needed' };
const end: Advice = { terminate: true, reason: 'over capacity' };

describe('remembered advice', () => {
  let row: Advice | null;
  /** Reads wait for it after they have seen the row. */
  let answersAfter: Promise<void>;
  let reads: number;
  let feed: { isListening: boolean; isCurrent: boolean };
  let onText: (key: string) => void;
  let onGap: () => void;
  let advice: RememberedAdvice;
  beforeEach(() => {
    row = keep;
    answersAfter = Promise.resolve();
    reads = 0;
    feed = { isListening: true, isCurrent: true };
    const read = async () => {
      reads += 1;
      const seen = row;
      await answersAfter;
      return seen;
    };
    advice = new RememberedAdvice(read, (listener) => {
      ({ onText, onGap } = listener);
      return Object.assign(feed, { close: () => {} });
    });
  });

  test('advice is read once', async () => {
    for (const _ of [1, 2, 3]) expect(await advice.of(worker)).toEqual(keep);
    expect(reads).toBe(1);
  });

  test('advice is read again after its worker was named, and after no other', async () => {
    await advice.of(worker);
    row = end;
    onText('prov/pool/here/i-2');
    expect(await advice.of(worker)).toEqual(keep);
    onText(KEY);
    expect(await advice.of(worker)).toEqual(end);
  });

  test.each<[string, () => void]>([
    ['its worker is named', () => onText(KEY)],
    ['texts may be missing', () => onGap()],
  ])('advice that is being read while %s is not remembered', async (_, happens) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    answersAfter = promise;
    const older = advice.of(worker);
    row = end;
    happens();
    resolve();
    expect(await older).toEqual(keep);
    expect(await advice.of(worker)).toEqual(end);
    expect(await advice.of(worker)).toEqual(end);
    expect(reads).toBe(2);
  });

  test('advice of an older read does not replace that of a later one', async () => {
    const first = Promise.withResolvers<void>();
    answersAfter = first.promise;
    const older = advice.of(worker);
    onText(KEY);
    row = end;
    answersAfter = Promise.resolve();
    await advice.of(worker);
    first.resolve();
    expect(await older).toEqual(keep);
    expect(await advice.of(worker)).toEqual(end);
  });

  test('advice is read each time while nothing is heard, and while what was heard is too old', async () => {
    await advice.of(worker);
    row = end;
    feed.isCurrent = false;
    expect(await advice.of(worker)).toEqual(end);
    feed.isListening = false;
    onGap();
    row = keep;
    expect(await advice.of(worker)).toEqual(keep);
    row = end;
    feed.isListening = true;
    feed.isCurrent = true;
    expect(await advice.of(worker)).toEqual(end);
  });

  test('advice of a worker that there is not is read each time', async () => {
    row = null;
    expect([await advice.of(worker), await advice.of(worker), reads]).toEqual([null, null, 2]);
  });

  test('advice that could not be read is read again', async () => {
    answersAfter = Promise.reject(new Error('no answer'));
    await expect(advice.of(worker)).rejects.toThrow('no answer');
    answersAfter = Promise.resolve();
    expect(await advice.of(worker)).toEqual(keep);
  });
});
