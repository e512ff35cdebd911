/**
 * Guards: protections of workflows, activities and what these rest on, each marked in the code by a comment on the line
 * above it, and each with a test that fails without it.
 *
 *     // guard(<name>): drop            removes the next statement, object property, class member or array element
 *     // guard(<name>): use <value>     replaces the condition of the next `if`, loop or conditional, or what the next
 *                                       `return`, variable, property or arrow function gives
 *     // guard(<name>): true | false    the same, in short
 *
 * `test/mutation/guards.json` says which test notices that a guard is gone.
 */
import { parse } from '@babel/parser';

const marker = /^\s*guard\(([a-z0-9-]+)\):\s*(?:(drop)|(true|false)|use (.*\S))\s*$/;

/** Folders whose files may have guards, with everything below. */
export const guardedFolders = [
  'workflows',
  'activities',
  'api',
  'domain',
  'providers',
  'database',
  'temporal',
  'workers',
];

/** The guards of one file: `{ name, apply }`, where `apply()` gives the file's text without that guard. */
export function guardsOf(text, file) {
  const program = parse(text, { sourceType: 'module', plugins: ['typescript'] });
  return program.comments.flatMap((comment) => {
    const found = marker.exec(comment.value);
    if (!found) {
      if (/^\s*guard\b/.test(comment.value)) throw new Error(`${file}: not a guard's marker: ${comment.value.trim()}`);
      return [];
    }
    const [, name, isDropped, truth, expression] = found;
    const node = nodeAfter(program.program, comment.end);
    if (!node) throw new Error(`${file}: nothing follows the marker of guard ${name}`);
    const apply = () => (isDropped ? drop(text, node) : replace(text, node, truth ?? expression, name));
    return [{ name, file, apply }];
  });
}

/** The outermost node that begins first after `position`. */
function nodeAfter(root, position) {
  let best = null;
  visit(root, (node) => {
    if (node.start < position) return;
    if (!best || node.start < best.start || (node.start === best.start && node.end > best.end)) best = node;
  });
  return best;
}

function visit(node, see) {
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child?.type !== 'string' || typeof child.start !== 'number' || child.type.startsWith('Comment'))
        continue;
      see(child);
      visit(child, see);
    }
  }
}

/** Takes a comma that follows with it. An `if` that is dropped loses its `else` too. */
function drop(text, node) {
  const isStatement = /Statement$|Declaration$/.test(node.type);
  const comma = isStatement ? '' : (/^\s*,/.exec(text.slice(node.end))?.[0] ?? '');
  return splice(text, node.start, node.end + comma.length, isStatement ? ';' : '');
}

function replace(text, node, value, name) {
  const given = givenBy(node);
  if (!given) throw new Error(`Guard ${name}: ${node.type} gives nothing to replace`);
  return splice(text, given.start, given.end, `(${value})`);
}

/** The condition or value that a node rests on. */
function givenBy(node) {
  switch (node.type) {
    case 'ReturnStatement':
      return node.argument;
    case 'VariableDeclaration':
      return bodyOf(node.declarations[0].init);
    case 'ExportNamedDeclaration':
      return givenBy(node.declaration);
    case 'ExpressionStatement':
      return givenBy(node.expression);
    case 'ObjectProperty':
      return node.value;
    case 'ArrowFunctionExpression':
      return bodyOf(node);
    default:
      return node.test ?? (node.type.endsWith('Expression') ? node : null);
  }
}

const bodyOf = (node) => (node?.type === 'ArrowFunctionExpression' ? node.body : node);

const splice = (text, start, end, by) => text.slice(0, start) + by + text.slice(end);
