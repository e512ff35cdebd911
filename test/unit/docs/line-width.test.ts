import { expect, test } from '@jest/globals';
import { filesOf } from '../../support/references.js';

const MAX_WIDTH = 120;

/** Lines of a page that can be broken: no tables, no blocks of code, no HTML, and more than one word or link. */
function proseOf(text: string): { readonly number: number; readonly line: string }[] {
  let isCode = false;
  return text.split('\n').flatMap((line, index) => {
    const isFence = line.trimStart().startsWith('```');
    if (isFence) isCode = !isCode;
    if (isCode || isFence || /^\s*[|<]/.test(line)) return [];
    const words = line
      .replace(/^\s*(?:[-*>]|\d+\.) /, '')
      .replaceAll(/\[[^\]]*\]\([^)]*\)/g, 'link')
      .trim();
    return words.includes(' ') ? [{ number: index + 1, line }] : [];
  });
}

test('no line of prose on any page is wider than 120 characters', () => {
  const pages = [...filesOf('.')].filter(([path]) => path.endsWith('.md'));
  const lines = pages.flatMap(([path, text]) => proseOf(text ?? '').map((each) => ({ path, ...each })));
  const wide = lines.filter(({ line }) => line.length > MAX_WIDTH);
  expect(wide.map(({ path, number, line }) => `${path}:${number}: ${line.length} characters`)).toEqual([]);
  expect(lines.length).toBeGreaterThan(1_500);
});
