import { expect, test } from '@jest/globals';
import { beginAll, type Begun } from '../../../../dev/chaos/begun.js';

test('what has been begun ends when a later part does not begin, the last first', async () => {
  const ended: string[] = [];
  const beginning = beginAll(async (begun) => {
    for (const name of ['first', 'second']) begun.add(name, (each) => ended.push(each));
    throw new Error('the third does not begin');
  });
  await expect(beginning).rejects.toThrow('the third does not begin');
  expect(ended).toEqual(['second', 'first']);
});

test('whatever one end comes to, the others are tried, and each once', async () => {
  const ended: string[] = [];
  const all = await beginAll(async (begun: Begun) => {
    begun.add('first', (each) => ended.push(each));
    begun.add('second', () => Promise.reject(new Error('it has ended already')));
    begun.add('third', (each) => ended.push(each));
    return begun;
  });
  await expect(all.end()).rejects.toThrow('it has ended already');
  await all.end();
  expect(ended).toEqual(['third', 'first']);
});
