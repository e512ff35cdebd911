import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { applyEdit, brokenBuilds } from '../../../../dev/chaos/broken.js';

test.each(Object.entries(brokenBuilds))('the broken build %s changes the code of today', (_name, edits) => {
  for (const edit of edits) {
    const text = readFileSync(edit.file, 'utf8');
    expect(applyEdit(text, edit)).not.toBe(text);
  }
});

test('an edit that does not fit is refused', () => {
  expect(() => applyEdit('x x', { file: 'f', from: 'x', to: 'y' })).toThrow('f does not hold this once: x');
});
