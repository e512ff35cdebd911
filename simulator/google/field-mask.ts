import { invalid } from './errors.js';

/** Names and what is wanted inside of them; null: everything. */
type Mask = Map<string, Mask | null>;

/**
 * Keeps of an answer what a field mask names: `items(id,labels),nextPageToken`, also `items/id` and `items.id`; `*`
 * stands for any name. Without a mask everything.
 */
export function applyMask<T>(value: T, text: string | null): T {
  if (text === null || text.trim() === '') return value;
  const reader = { text: text.replace(/\s/g, ''), at: 0 };
  const mask = readFields(reader);
  if (reader.at < reader.text.length) throw wrong(text);
  return keep(value, mask) as T;
}

interface Reader {
  readonly text: string;
  at: number;
}

function readFields(reader: Reader): Mask {
  const mask: Mask = new Map();
  do {
    readField(reader, mask);
  } while (takes(reader, ','));
  return mask;
}

function readField(reader: Reader, mask: Mask): void {
  const name = /[^,()/.]*/y;
  name.lastIndex = reader.at;
  const found = name.exec(reader.text)?.[0] ?? '';
  if (found === '') throw wrong(reader.text);
  reader.at += found.length;
  const inner = mask.get(found) ?? (new Map() as Mask);
  if (takes(reader, '/') || takes(reader, '.')) {
    readField(reader, inner);
    mask.set(found, inner);
  } else if (takes(reader, '(')) {
    for (const [key, value] of readFields(reader)) inner.set(key, value);
    if (!takes(reader, ')')) throw wrong(reader.text);
    mask.set(found, inner);
  } else {
    mask.set(found, null);
  }
}

function takes(reader: Reader, character: string): boolean {
  if (reader.text[reader.at] !== character) return false;
  reader.at++;
  return true;
}

function keep(value: unknown, mask: Mask | null): unknown {
  if (mask === null || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => keep(item, mask));
  const entries = Object.entries(value).flatMap(([name, item]) => {
    const wanted = mask.has(name) ? mask.get(name) : mask.get('*');
    return wanted === undefined ? [] : [[name, keep(item, wanted)]];
  });
  return Object.fromEntries(entries);
}

const wrong = (text: string): Error => invalid(`Invalid field selection ${text.slice(0, 200)}`);
