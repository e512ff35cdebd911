import { Ajv, type ErrorObject } from 'ajv';
import addFormats from 'ajv-formats';
import type { TSchema } from 'typebox';
import { dateTimeFormat } from '../domain/instants.js';
import type { Note, Problem } from './problems.js';

const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: false, verbose: true });
addFormats.default(ajv);
ajv.addFormat('date-time', dateTimeFormat);

const REFERENCE = 'docs/reference/configuration.md';

/** Fills in the schema's defaults **in place** and notes every problem with its key's path. Never repeats a value. */
export function fillAndCheck(schema: TSchema, value: unknown, prefix: string, note: Note): void {
  const validate = ajv.compile(schema);
  if (validate(value)) return;
  const errors = validate.errors ?? [];
  for (const error of withoutBranches(errors)) {
    const path = [prefix, ...error.instancePath.split('/').slice(1)].filter(Boolean);
    const { key, message } = describe(error, path);
    note(key, message);
  }
}

function describe(error: ErrorObject, path: string[]): Problem {
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'additionalProperties':
      return {
        key: [...path, String(params.additionalProperty)].join('.'),
        message: `unknown key; ${knownKeys(error)}`,
      };
    case 'required':
      return { key: [...path, String(params.missingProperty)].join('.'), message: 'is required' };
    case 'const':
      return { key: path.join('.'), message: `must be ${String(params.allowedValue)}` };
    case 'anyOf':
      return { key: path.join('.'), message: `must be ${alternatives(error)}` };
    case 'pattern':
      return { key: path.join('.'), message: `does not have the form that ${REFERENCE} describes` };
    default:
      return { key: path.join('.'), message: error.message ?? 'is not valid' };
  }
}

/** What may stand where the unknown key does. */
function knownKeys({ parentSchema }: ErrorObject): string {
  const known = Object.keys((parentSchema?.properties ?? {}) as object);
  return `there are ${known.join(', ')}`;
}

function alternatives(error: ErrorObject): string {
  const forms: unknown[] = Array.isArray(error.schema) ? error.schema : [];
  return forms.map((form) => inWords(form as Form)).join(' or ');
}

interface Form {
  readonly const?: string | number | boolean | null;
  readonly type?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

function inWords({ const: literal, type, pattern, ...limits }: Form): string {
  if (literal !== undefined) return String(literal);
  if (pattern?.startsWith('^https?')) return 'a URL';
  if (type === 'integer') return `a whole number${range(limits.minimum, limits.maximum, 'from')}`;
  if (type === 'array') return `a list${range(limits.minItems, limits.maxItems, 'of')}`;
  return type ?? 'another form';
}

const range = (least: number | undefined, most: number | undefined, word: string): string =>
  least === undefined || most === undefined ? '' : ` ${word} ${least} to ${most}`;

/**
 * Of a choice, only the choice's own error helps; its branches' would each name one form as if it were the only one.
 */
function withoutBranches(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const choices = errors.filter((error) => error.keyword === 'anyOf').map((error) => `${error.schemaPath}/`);
  return errors.filter((error) => !choices.some((choice) => error.schemaPath.startsWith(choice)));
}
