import { describe, expect, test } from '@jest/globals';
import { type Action, draw, emptyScreen, type Key, onKey, type Screen } from '../../../../cli/client/top-screen.js';

const pools: Screen = {
  ...emptyScreen('pools', ['NAME', 'PENDING']),
  items: [
    { name: 'proj/a', cells: ['proj/a', 3], isHeld: false },
    { name: 'proj/b', cells: ['proj/b', 41], isHeld: true },
  ],
};
const named: Readonly<Record<string, Key>> = {
  '<enter>': { name: 'return', sequence: '\r' },
  '<escape>': { name: 'escape', sequence: '\u001B' },
  '<down>': { name: 'down', sequence: '\u001B[B' },
  '<backspace>': { name: 'backspace', sequence: '\u007F' },
};

/** What the last of the keys wants to be done, and the screen after them. */
function after(keys: readonly string[], screen = pools): { screen: Screen; action: Action | undefined } {
  let action: Action | undefined;
  for (const key of keys) ({ screen, action } = { action: undefined, ...onKey(screen, named[key] ?? keyOf(key)) });
  return { screen, action };
}
const keyOf = (sequence: string): Key => ({ sequence, ...(/[a-z]/.test(sequence) && { name: sequence }) });

describe('onKey', () => {
  test.each<[string, readonly string[], Action | undefined]>([
    ['quits', ['q'], { do: 'quit' }],
    ['opens the first row', ['<enter>'], { do: 'open', name: 'proj/a' }],
    ['explains the row that was moved to', ['<down>', '<down>', 'e'], { do: 'explain', name: 'proj/b' }],
    ['holds with a typed reason', ['h', 'n', 'o', '<enter>'], { do: 'hold', name: 'proj/a', reason: 'no' }],
    ['holds with a reason of its own', ['h', '<enter>'], { do: 'hold', name: 'proj/a', reason: 'held in top' }],
    ['forgets a hold that is not wanted', ['h', 'n', '<escape>'], undefined],
    ['releases what is held', ['<down>', 'h', 'y'], { do: 'release', name: 'proj/b' }],
    ['releases nothing at another key', ['<down>', 'h', 'n'], undefined],
    ['removes no pool', ['r', 'y'], undefined],
    ['acts on the row that is filtered for', ['/', 'j', '/', 'b', '<enter>', 'e'], { do: 'explain', name: 'proj/b' }],
  ])('onKey %s', (_, keys, action) => {
    expect(after(keys).action).toEqual(action);
  });

  test('onKey removes a worker after it was asked for', () => {
    const workers: Screen = { ...emptyScreen('workers', ['ID']), items: [{ name: 'proj/a/g/i-1', cells: ['i-1'] }] };
    expect(after(['r'], workers).screen.prompt?.question).toContain('Remove proj/a/g/i-1');
    expect(after(['r', 'y'], workers).action).toEqual({ do: 'remove', name: 'proj/a/g/i-1' });
  });

  test('onKey keeps the selection on its row as others come before it', () => {
    const { screen } = after(['<down>']);
    const items = [{ name: 'proj/new', cells: ['proj/new', 50] }, ...screen.items];
    expect(after(['e'], { ...screen, items }).action).toEqual({ do: 'explain', name: 'proj/b' });
  });
});

describe('draw', () => {
  const size = { columns: 40, rows: 8 };
  const lines = (screen: Screen, wanted = size) => draw(screen, 'two pools', wanted);

  test('draw fills the terminal, and no line is wider', () => {
    expect(lines(pools)).toHaveLength(8);
    const narrow = lines({ ...pools, pane: ['x'.repeat(99)] }, { columns: 10, rows: 5 });
    expect([narrow.length, Math.max(...narrow.map(({ length }) => length))]).toEqual([5, 10]);
  });

  test('draw shows what the filter lets through, by the column that is sorted by', () => {
    const sorted = lines(after(['s', 's']).screen).join('\n');
    expect(sorted.indexOf('proj/b')).toBeLessThan(sorted.indexOf('proj/a'));
    expect(sorted).toContain('by PENDING');
    const filtered = lines(after(['/', '4', '1', 'x', '<backspace>']).screen).join('\n');
    expect(filtered).toContain('proj/b');
    expect(filtered).not.toContain('proj/a');
  });

  test('draw scrolls to the row that is selected', () => {
    const items = Array.from({ length: 50 }, (_, index) => ({ name: `p${index}.`, cells: [`p${index}.`, index] }));
    expect(lines({ ...pools, items, selected: 'p40.' }).join('\n')).toContain('p40.');
  });
});
