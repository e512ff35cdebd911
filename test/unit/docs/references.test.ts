import { describe, expect, test } from '@jest/globals';
import { brokenReferences, type Files, filesOf, outsideReferences } from '../../support/references.js';

/** The repository; this file is not read, because it makes references up. */
const repository: Files = new Map(filesOf('.')).set('test/unit/docs/references.test.ts', null);

describe('references of the repository', () => {
  test('each file and anchor that a comment or a page cites exists', () => {
    expect(brokenReferences(repository)).toEqual([]);
  });

  test('no comment or page cites a document outside of the repository', () => {
    expect(outsideReferences(repository)).toEqual([]);
  });
});

const page = '<a id="gone"></a>\n\n## What is gone\n\n[above](#gone), [code](../domain/a.ts), [all](../domain)';
const created = (path: string, text: string): Files =>
  new Map([
    ['docs/page.md', page],
    ['domain/a.ts', ''],
    ['docs/weak-points.md', '| W7 | <a id="w7"></a>a weak point |'],
    [path, text],
  ]);

describe('brokenReferences', () => {
  test.each([
    [
      'an anchor and a file in a comment',
      'api/b.ts',
      '/** See docs/page.md#gone and `domain/a.ts`. */\nconst x = 1; // a.ts',
    ],
    ['a link to an anchor of another page', 'docs/other.md', '[gone](page.md#gone) [out](https://example.com/a.md#b)'],
    ['an example in a block of code', 'docs/other.md', '```\n[gone](nowhere.md)\n```'],
  ])('the check of references accepts %s', (_, path, text) => {
    expect(brokenReferences(created(path, text))).toEqual([]);
  });

  test.each([
    ['an unknown anchor in a comment', 'api/b.ts', 'x();\n// docs/page.md#lost', 'api/b.ts:2: docs/page.md#lost'],
    ['the slug of a heading', 'api/b.ts', '# docs/page.md#what-is-gone', 'api/b.ts:1: docs/page.md#what-is-gone'],
    ['an unknown anchor of a link', 'docs/other.md', '[x](page.md#lost)', 'docs/other.md:1: ](page.md#lost)'],
    ['an unknown page', 'api/b.ts', "const page = 'docs/lost.md';", 'api/b.ts:1: docs/lost.md'],
    ['an unknown file in a comment', 'api/b.ts', ' * (domain/lost.ts)', 'api/b.ts:1: domain/lost.ts'],
  ])('the check of references reports %s', (_, path, text, problem) => {
    expect(brokenReferences(created(path, text))).toContain(`${problem} does not open`);
  });

  test('the check of references reports an anchor that a page has twice', () => {
    const twice = created('docs/twice.md', '<a id="one"></a> <a id="one"></a>');
    expect(brokenReferences(twice)).toEqual(['docs/twice.md: #one is there twice']);
  });
});

describe('outsideReferences', () => {
  test.each([
    ['a number of a weak point in a comment', '/** Their row outlives them (W15). */', 'W15'],
    ['a number of a rule', '// architecture rule 5', 'rule 5'],
    ['a section of a document', '// as OB §5.9 says, and RFC 9110 §10.2', '§5.9'],
    ['a document', 'const source = `../shared/design/x.md`;', '../shared/design'],
  ])('the check of outside references reports %s', (_, text, cited) => {
    expect(outsideReferences(created('api/b.ts', text))).toEqual([
      `api/b.ts:1: ${cited} is explained outside of the repository`,
    ]);
  });

  test('the check of outside references accepts a title with a number and a link to the page of weak points', () => {
    expect(outsideReferences(created('test/b.test.ts', "test('keeps its row (W15)', () => {});"))).toEqual([]);
    expect(outsideReferences(created('docs/other.md', 'see [W7](weak-points.md#w7)'))).toEqual([]);
  });
});
