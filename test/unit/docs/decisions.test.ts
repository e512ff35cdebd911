import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const FOLDER = 'docs/decisions';

test('the list of decisions names every page, in order, by its title', () => {
  const pages = readdirSync(FOLDER).filter((name) => /^\d{4}-/.test(name));
  const titles = pages.toSorted().map((name) => {
    const [title = ''] = readFileSync(`${FOLDER}/${name}`, 'utf8').split('\n');
    expect(title).toMatch(new RegExp(`^# ${Number(name.slice(0, 4))}\\. `));
    return `- [${title.slice(2)}](${name})`;
  });
  const listed = readFileSync(`${FOLDER}/README.md`, 'utf8').split('\n');
  expect(listed.filter((line) => line.startsWith('- '))).toEqual(titles);
});
