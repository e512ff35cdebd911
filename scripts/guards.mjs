/**
 * Guards: protections of workflows, activities and what these rest on, each marked in the code by a comment on the line above it, and
 * each with a test that fails without it.
 *
 *     // guard(<name>): drop            removes the next statement, object property, class member or array element
 *     // guard(<name>): true | false    replaces the condition of the next `if`, loop or conditional, or what the next `return`,
 *                                       variable or arrow function gives
 *
 * `test/mutation/guards.json` says which test notices that a guard is gone.
 */
import { parse } from '@babel/parser';

const marker = /^\s*guard\(([a-z0-9-]+)\):\s*(drop|true|false)\s*$/;

/** Where guards are looked for, with everything below. */
export const guardedFolders = [
  'workflows',
  'activities',
  'api',
  'demand',
  'domain',
  'providers',
  'records',
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
    const [, name, action] = found;
    const node = nodeAfter(program.program, comment.end);
    if (!node) throw new Error(`${file}: nothing follows the marker of guard ${name}`);
    return [{ name, file, apply: () => (action === 'drop' ? drop(text, node) : replace(text, node, action, name)) }];
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
  const condition = conditionOf(node);
  if (!condition) throw new Error(`Guard ${name}: ${node.type} has no condition to replace`);
  return splice(text, condition.start, condition.end, `(${value})`);
}

function conditionOf(node) {
  switch (node.type) {
    case 'ReturnStatement':
      return node.argument;
    case 'VariableDeclaration':
      return bodyOf(node.declarations[0].init);
    case 'ExportNamedDeclaration':
      return conditionOf(node.declaration);
    case 'ExpressionStatement':
      return conditionOf(node.expression);
    case 'ArrowFunctionExpression':
      return bodyOf(node);
    default:
      return node.test ?? (node.type.endsWith('Expression') ? node : null);
  }
}

const bodyOf = (node) => (node?.type === 'ArrowFunctionExpression' ? node.body : node);

const splice = (text, start, end, by) => text.slice(0, start) + by + text.slice(end);
