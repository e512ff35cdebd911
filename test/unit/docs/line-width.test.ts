import { expect, test } from '@jest/globals';
import { filesOf } from '../../support/references.js';

const MAX_WIDTH = 120;
const COMMENT = /^\s*(?:\/\*|\*|\/\/|#(?!!))/;
/** What tools read stands on one line, however long it gets; an address cannot be broken. */
const UNBREAKABLE = /oxlint-disable|@ts-|prettier-ignore|https?:\/\/\S{80}/;

interface Line {
  readonly path: string;
  readonly number: number;
  readonly text: string;
}

/** Lines of a page that can be broken: no tables, no blocks of code, no HTML, and more than one word or link. */
function proseOf(path: string, page: string): Line[] {
  let isCode = false;
  return page.split('\n').flatMap((text, index) => {
    const isFence = text.trimStart().startsWith('```');
    if (isFence) isCode = !isCode;
    if (isCode || isFence || /^\s*[|<]/.test(text)) return [];
    const words = text
      .replace(/^\s*(?:[-*>]|\d+\.) /, '')
      .replaceAll(/\[[^\]]*\]\([^)]*\)/g, 'link')
      .trim();
    return words.includes(' ') ? [{ path, number: index + 1, text }] : [];
  });
}

/** Not SQL: a migration that has landed stays as it is. */
const isSource = (path: string): boolean => /\.(ts|mts|mjs|yml)$/.test(path) && !path.includes('/fixtures/');

const commentsOf = (path: string, source: string): Line[] =>
  source
    .split('\n')
    .flatMap((text, index) =>
      COMMENT.test(text) && !UNBREAKABLE.test(text) ? [{ path, number: index + 1, text }] : [],
    );

const linesOf = (fits: (path: string) => boolean, read: (path: string, text: string) => Line[]): Line[] =>
  [...filesOf('.')].filter(([path]) => fits(path)).flatMap(([path, text]) => read(path, text ?? ''));

const tooWide = (lines: readonly Line[]): string[] =>
  lines
    .filter(({ text }) => text.length > MAX_WIDTH)
    .map(({ path, number, text }) => `${path}:${number}: ${text.length} characters`);

test('no line of prose on any page is wider than 120 characters', () => {
  const lines = linesOf((path) => path.endsWith('.md'), proseOf);
  expect(tooWide(lines)).toEqual([]);
  expect(lines.length).toBeGreaterThan(1_500);
});

test('no line of a comment in any source is wider than 120 characters', () => {
  const lines = linesOf(isSource, commentsOf);
  expect(tooWide(lines)).toEqual([]);
  expect(lines.length).toBeGreaterThan(3_000);
});
