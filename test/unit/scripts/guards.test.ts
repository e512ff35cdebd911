import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { guardedFolders, guardsOf } from '../../../scripts/guards.mjs';

const root = new URL('../../../', import.meta.url);

/** What the tests of a file are called, placeholders of `test.each` included. */
const titlesIn = (text: string): string[] =>
  [...text.matchAll(/(?:\btest|\))\(\s*(['"`])(.+?)\1,/g)].map(([, , title = '']) => title);

const quoted = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Jest searches for a guard's title in names of tests; a case of `test.each` is named in full, or by its template. */
const isNamedBy =
  (title: string) =>
  (name: string): boolean => {
    const parts = name.split(/%[sdij]|\$\{.+?\}|\$\w+(?:\.\w+)*/).map((part) => quoted(part));
    return new RegExp(title).test(name) || new RegExp(`^${parts.join('.+')}$`).test(title);
  };
const without = (text: string): string => guardsOf(text, 'a.ts')[0]!.apply();

describe('guardsOf', () => {
  test.each([
    ['a statement', '// guard(a): drop\nif (x) stop();\nnext();', '// guard(a): drop\n;\nnext();'],
    [
      'a property',
      'f({\n  // guard(a): drop\n  kind: WAIT,\n  other: 1,\n});',
      'f({\n  // guard(a): drop\n  \n  other: 1,\n});',
    ],
    [
      'an element',
      'f([\n  // guard(a): drop\n  first,\n  second,\n]);',
      'f([\n  // guard(a): drop\n  \n  second,\n]);',
    ],
  ])('guardsOf drops %s', (_, text, expected) => {
    expect(without(text)).toBe(expected);
  });

  test.each([
    ['an if', '// guard(a): false\nif (x && y) stop();', '// guard(a): false\nif ((false)) stop();'],
    ['a loop', '// guard(a): false\nwhile (x()) y();', '// guard(a): false\nwhile ((false)) y();'],
    [
      'a return',
      'function f() {\n// guard(a): true\nreturn x < y;\n}',
      'function f() {\n// guard(a): true\nreturn (true);\n}',
    ],
    ['a variable', '// guard(a): true\nconst isLate = a > b;', '// guard(a): true\nconst isLate = (true);'],
    ['a function', '// guard(a): true\nconst isLate = () => a > b;', '// guard(a): true\nconst isLate = () => (true);'],
    [
      'a property',
      'f({\n// guard(a): use Kind.TRY\n kind: Kind.WAIT,\n});',
      'f({\n// guard(a): use Kind.TRY\n kind: (Kind.TRY),\n});',
    ],
  ])('guardsOf replaces the condition or value of %s', (_, text, expected) => {
    expect(without(text)).toBe(expected);
  });

  test('guardsOf rejects a marker that it cannot read', () => {
    expect(() => guardsOf('// guard(a): remove\nx();', 'a.ts')).toThrow("a.ts: not a guard's marker: guard(a): remove");
  });
});

describe('the guards of the product', () => {
  const files = guardedFolders.flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file}`),
  );
  const names = files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => guardsOf(readFileSync(new URL(file, root), 'utf8'), file).map(({ name }) => name));

  const tests = JSON.parse(readFileSync(new URL('test/mutation/guards.json', root), 'utf8')) as Record<
    string,
    { test: string; title: string }
  >;

  test('the guards of the product each have a name of their own and a test', () => {
    expect(names.toSorted()).toEqual(Object.keys(tests).toSorted());
  });

  test('the guards of the product name tests that exist', () => {
    const missing = Object.entries(tests).filter(
      ([, { test: file, title }]) => !titlesIn(readFileSync(new URL(file, root), 'utf8')).some(isNamedBy(title)),
    );
    expect(missing).toEqual([]);
  });
});
