import { describe, expect, test } from '@jest/globals';
import { mergePages } from '../../../../providers/shared/merge-pages.js';

async function* pages(...items: (string | Error)[]) {
  for (const item of items) {
    await Promise.resolve();
    if (item instanceof Error) throw item;
    yield item;
  }
}

describe('mergePages', () => {
  test('mergePages gives every page of every listing', async () => {
    const seen: string[] = [];
    for await (const page of mergePages([pages('a', 'b', 'c'), pages(), pages('d')])) seen.push(page);
    expect(seen.sort()).toEqual(['a', 'b', 'c', 'd']);
  });

  test('mergePages hides nothing of the others when a listing fails, and calls the whole incomplete', async () => {
    const seen: string[] = [];
    const read = async () => {
      for await (const page of mergePages([pages('a', new Error('no answer')), pages('b', 'c', 'd')])) seen.push(page);
    };
    await expect(read()).rejects.toThrow('no answer');
    expect(seen.sort()).toEqual(['a', 'b', 'c', 'd']);
  });

  test('mergePages calls no listing at all complete', async () => {
    const seen: string[] = [];
    for await (const page of mergePages<string>([])) seen.push(page);
    expect(seen).toEqual([]);
  });
});
