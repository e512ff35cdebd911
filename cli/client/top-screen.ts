import { styleText } from 'node:util';
import { aligned, type Cell, compare, plain } from './output.js';

/** What `top` shows and what its keys do: everything but the terminal and the server. */

export interface Item {
  /** What other commands take as its name. */
  readonly name: string;
  readonly cells: readonly Cell[];
  /** Of a pool: whether it is held. */
  readonly isHeld?: boolean;
}

/** What is asked on the line below the title; a text is typed, or `y` is pressed. */
interface Prompt {
  readonly question: string;
  readonly typed: string | null;
  readonly actionOf: (typed: string) => Action;
}

export interface Screen {
  readonly kind: 'pools' | 'workers';
  readonly titles: readonly string[];
  readonly items: readonly Item[];
  /** Text that rows contain. */
  readonly filter: string;
  readonly isFiltering: boolean;
  /** A column; null: as the items came. */
  readonly sortBy: number | null;
  /** An item by its name, so that it stays selected as rows move. */
  readonly selected: string | null;
  readonly prompt: Prompt | null;
  /** Lines in place of the table, until a key is pressed. */
  readonly pane: readonly string[] | null;
  readonly message: string;
}

export type Action =
  | { readonly do: 'quit' | 'back' }
  | { readonly do: 'open' | 'explain' | 'release' | 'remove'; readonly name: string }
  | { readonly do: 'hold'; readonly name: string; readonly reason: string };

/** As `readline` gives it. */
export interface Key {
  readonly name?: string | undefined;
  readonly sequence?: string | undefined;
  readonly ctrl?: boolean | undefined;
}

interface Step {
  readonly screen: Screen;
  readonly action?: Action;
}

export const emptyScreen = (kind: Screen['kind'], titles: readonly string[]): Screen => ({
  ...{ kind, titles, items: [], filter: '', isFiltering: false, sortBy: null },
  ...{ selected: null, prompt: null, pane: null, message: '' },
});

const HELP = [
  'up, down   selects a row          /   filters rows by a text, enter or escape ends it',
  'enter      a pool: its workers    s   sorts by the next column',
  '           a worker: its facts    e   explains why it is so',
  'escape     back to the pools      h   holds a pool, or releases it; asks first',
  'q          quits                  r   removes a worker; asks first',
];

export function onKey(screen: Screen, key: Key): Step {
  if (key.ctrl && key.name === 'c') return { screen, action: { do: 'quit' } };
  if (screen.prompt) return onPromptKey(screen, screen.prompt, key);
  if (screen.isFiltering) return { screen: onFilterKey(screen, key) };
  if (screen.pane) return { screen: { ...screen, pane: null } };
  return onTableKey({ ...screen, message: '' }, key);
}

function onTableKey(screen: Screen, key: Key): Step {
  const item = selectedOf(screen);
  switch (key.name ?? key.sequence) {
    case 'q':
      return { screen, action: { do: 'quit' } };
    case 'escape':
      return { screen: { ...screen, filter: '' }, action: { do: 'back' } };
    case 'up':
      return { screen: moved(screen, -1) };
    case 'down':
      return { screen: moved(screen, 1) };
    case 's':
      return { screen: { ...screen, sortBy: nextColumn(screen) } };
    case '/':
      return { screen: { ...screen, isFiltering: true } };
    case '?':
      return { screen: { ...screen, pane: HELP } };
    default:
      return item ? onRowKey(screen, item, key) : { screen };
  }
}

/** What is done to the selected row. */
function onRowKey(screen: Screen, item: Item, { name }: Key): Step {
  const isPool = screen.kind === 'pools';
  switch (name) {
    case 'return':
      return { screen, action: { do: 'open', name: item.name } };
    case 'e':
      return { screen, action: { do: 'explain', name: item.name } };
    case 'h':
      return { screen: isPool ? { ...screen, prompt: holdPrompt(item) } : screen };
    case 'r':
      return { screen: isPool ? screen : { ...screen, prompt: removePrompt(item) } };
    default:
      return { screen };
  }
}

const holdPrompt = ({ name, isHeld }: Item): Prompt =>
  isHeld
    ? { question: `Release ${name}? y: yes`, typed: null, actionOf: () => ({ do: 'release', name }) }
    : {
        question: `Hold ${name}? Reason, then enter; escape: no:`,
        typed: '',
        actionOf: (reason) => ({ do: 'hold', name, reason: reason || 'held in top' }),
      };

const removePrompt = ({ name }: Item): Prompt => ({
  question: `Remove ${name}, with whatever it works on? y: yes`,
  typed: null,
  actionOf: () => ({ do: 'remove', name }),
});

function onPromptKey(screen: Screen, prompt: Prompt, key: Key): Step {
  const answered = { ...screen, prompt: null };
  const { typed, actionOf } = prompt;
  if (typed === null) return { screen: answered, ...(key.name === 'y' && { action: actionOf('') }) };
  if (key.name === 'escape') return { screen: answered };
  if (key.name === 'return') return { screen: answered, action: actionOf(typed) };
  return { screen: { ...screen, prompt: { ...prompt, typed: edited(typed, key) } } };
}

function onFilterKey(screen: Screen, key: Key): Screen {
  if (key.name === 'escape') return { ...screen, filter: '', isFiltering: false };
  if (key.name === 'return') return { ...screen, isFiltering: false };
  return { ...screen, filter: edited(screen.filter, key) };
}

function edited(text: string, { name, sequence = '', ctrl }: Key): string {
  if (name === 'backspace') return text.slice(0, -1);
  return ctrl || /\p{Cc}/u.test(sequence) ? text : text + sequence;
}

/** The rows that the filter lets through, in their order. */
function shownItems({ items, filter, sortBy }: Screen): readonly Item[] {
  const text = filter.toLowerCase();
  const fits = ({ cells }: Item) => cells.map(plain).join(' ').toLowerCase().includes(text);
  const shown = items.filter(fits);
  return sortBy === null ? shown : shown.toSorted((a, b) => compare(a.cells[sortBy], b.cells[sortBy]));
}

function selectedOf(screen: Screen): Item | undefined {
  const shown = shownItems(screen);
  return shown.find(({ name }) => name === screen.selected) ?? shown[0];
}

function moved(screen: Screen, by: number): Screen {
  const shown = shownItems(screen);
  const index = shown.findIndex(({ name }) => name === selectedOf(screen)?.name) + by;
  return { ...screen, selected: shown[Math.min(shown.length - 1, Math.max(0, index))]?.name ?? null };
}

const nextColumn = ({ sortBy, titles }: Screen): number | null => {
  const next = sortBy === null ? 0 : sortBy + 1;
  return next < titles.length ? next : null;
};

/** The screen's lines, none wider and no more of them than the terminal takes. */
export function draw(screen: Screen, headline: string, { columns, rows }: { columns: number; rows: number }): string[] {
  const cut = (line: string) => line.slice(0, columns);
  const middle = rows - 3;
  const body = screen.pane?.slice(0, middle).map(cut) ?? table(screen, columns, middle);
  const lines = [cut(headline), cut(statusOf(screen)), ...body];
  const blank = Array<string>(Math.max(0, rows - 1 - lines.length)).fill('');
  return [...lines, ...blank, cut(KEYS)];
}

const KEYS = 'q quit  / filter  s sort  enter details  e explain  h hold  r remove  ? help';

function statusOf({ prompt, isFiltering, filter, sortBy, titles, message }: Screen): string {
  if (prompt) return `${prompt.question} ${prompt.typed ?? ''}`;
  if (isFiltering) return `/${filter}_`;
  const parts = [
    ...(filter === '' ? [] : [`filter: ${filter}`]),
    ...(sortBy === null ? [] : [`by ${titles[sortBy]}`]),
    message,
  ];
  return parts.join('  ');
}

function table(screen: Screen, columns: number, rows: number): string[] {
  const shown = shownItems(screen);
  const cells = shown.map((item) => item.cells);
  // Cut before they are styled.
  const [head, ...lines] = aligned(screen.titles, cells).map((line) => line.slice(0, columns));
  const selected = shown.findIndex(({ name }) => name === selectedOf(screen)?.name);
  const first = Math.max(0, Math.min(selected - Math.floor(rows / 2), lines.length - (rows - 1)));
  const drawn = lines.map((line, index) => (index === selected ? styleText('inverse', line) : line));
  return [styleText('bold', head!), ...drawn.slice(first, first + rows - 1)];
}
