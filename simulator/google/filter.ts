import { objectAt } from '../members.js';
import { invalidField } from './errors.js';
import type { Properties } from './resource.js';

type Predicate = (item: Properties) => boolean;

/** Fields that a filter may name, by what they begin with; of operations and of instances and disks. */
const known = new Set(
  `clientOperationId creationTimestamp endTime id insertTime name operationGroupId operationType progress status targetId
  targetLink user zone labels machineType scheduling description selfLink statusMessage type sizeGb users`.split(/\s+/),
);

/**
 * The `filter` of a list: comparisons with =, !=, <, <=, >, >= and : joined by AND, OR, a blank (which is AND) and
 * parentheses; NOT or - before one. Throws on anything else, as the real service does.
 */
export function parseFilter(text: string | null): Predicate {
  if (text === null || text.trim() === '') return () => true;
  const parser = new FilterParser(text);
  return parser.all();
}

const token = /\s*(\(|\)|!=|<=|>=|=|<|>|:|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s()=<>:!"']+)/y;
const operators = ['=', '!=', '<', '<=', '>', '>=', ':'];

class FilterParser {
  readonly #text: string;
  readonly #tokens: string[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    token.lastIndex = 0;
    const end = text.trimEnd().length;
    while (token.lastIndex < end) {
      const match = token.exec(text);
      if (!match) throw this.#wrong();
      this.#tokens.push(match[1] ?? '');
    }
  }

  all(): Predicate {
    const predicate = this.#either();
    if (this.#at < this.#tokens.length) throw this.#wrong();
    return predicate;
  }

  #either(): Predicate {
    const terms = [this.#both()];
    while (this.#accept('OR')) terms.push(this.#both());
    return (item) => terms.some((term) => term(item));
  }

  #both(): Predicate {
    const terms = [this.#term()];
    while (this.#accept('AND') || this.#begins()) terms.push(this.#term());
    return (item) => terms.every((term) => term(item));
  }

  #begins(): boolean {
    const next = this.#tokens[this.#at];
    return next !== undefined && next !== ')' && next !== 'OR';
  }

  #term(): Predicate {
    if (this.#accept('NOT')) {
      const inner = this.#term();
      return (item) => !inner(item);
    }
    if (this.#accept('(')) {
      const inner = this.#either();
      if (!this.#accept(')')) throw this.#wrong();
      return inner;
    }
    const path = (this.#tokens[this.#at++] ?? '').split('.');
    const operator = this.#tokens[this.#at++] ?? '';
    const value = unquote(this.#tokens[this.#at++] ?? '');
    if (!known.has(path[0] ?? '') || !operators.includes(operator) || value === null) throw this.#wrong();
    return (item) => compare(valueAt(item, path), operator, value);
  }

  #accept(wanted: string): boolean {
    if (this.#tokens[this.#at] !== wanted) return false;
    this.#at++;
    return true;
  }

  #wrong(): Error {
    return invalidField('filter', this.#text, 'Invalid list filter expression.');
  }
}

function unquote(text: string): string | null {
  if (text === '' || text === '(' || text === ')' || operators.includes(text)) return null;
  return /^["']/.test(text) ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text;
}

function valueAt(item: Properties, path: readonly string[]): string | null {
  const at = objectAt(item, ...path.slice(0, -1))[path.at(-1) ?? ''];
  return typeof at === 'string' || typeof at === 'number' || typeof at === 'boolean' ? String(at) : null;
}

function compare(actual: string | null, operator: string, wanted: string): boolean {
  if (operator === '=') return actual === wanted;
  if (operator === '!=') return actual !== wanted;
  if (actual === null) return false;
  if (operator === ':') return wanted === '*' || actual.includes(wanted);
  const order = orderOf(actual, wanted);
  if (operator === '<') return order < 0;
  if (operator === '<=') return order <= 0;
  return operator === '>' ? order > 0 : order >= 0;
}

/** Instants by time, numbers by size. */
function orderOf(actual: string, wanted: string): number {
  const isInstant = /^\d{4}-\d\d-\d\dT/;
  if (isInstant.test(actual) && isInstant.test(wanted)) return Date.parse(actual) - Date.parse(wanted);
  return Number(actual) - Number(wanted);
}
