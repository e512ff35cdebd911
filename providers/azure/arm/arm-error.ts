import type { ProviderErrorCode } from '../../errors.js';

/** One error in what Azure Resource Manager answers: what went wrong is in `details`, at any depth. */
export interface ArmError {
  readonly code: string | null;
  readonly message: string;
}

/** What decides, and what an owner reads. */
export interface Telling extends ArmError {
  /** Whether it was found inside another error. */
  readonly isInner: boolean;
}

const MAX_DEPTH = 10;
const MAX_ERRORS = 100;

/** Codes that only say that something failed. */
const generic =
  /^(ResourceDeploymentFailure|(Invalid)?DeploymentFailed|InvalidTemplateDeployment|Conflict|BadRequest|BadGateway|InternalServerError|MultipleErrorsOccurred)$/;

/**
 * The most telling of the innermost errors, null when there is no error in `value`: capacity and quota first, then what
 * `classify` knows, then any code of its own, then words alone. The messages of the others follow its own.
 */
export function tellingOf(
  value: unknown,
  classify: (error: ArmError) => ProviderErrorCode | undefined,
): Telling | null {
  const found = innermost(value, 0).slice(0, MAX_ERRORS);
  const ranked = found
    .map((error) => ({ error, rank: rankOf(error, classify(error)) }))
    .sort((one, other) => one.rank - other.rank);
  const [first, ...others] = ranked.map(({ error }) => error);
  if (first === undefined) return null;
  return { ...first, message: [...new Set([first, ...others].map(({ message }) => message))].join('; ') };
}

function rankOf({ code }: ArmError, meaning: ProviderErrorCode | undefined): number {
  if (meaning === 'InsufficientCapacity') return 0;
  if (meaning === 'QuotaExceeded') return 1;
  if (meaning !== undefined) return 2;
  if (code === null) return 5;
  return generic.test(code) ? 4 : 3;
}

function innermost(value: unknown, depth: number): Telling[] {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return [];
  const { code, message, details } = value as Record<string, unknown>;
  const inner = Array.isArray(details) ? details.flatMap((detail) => innermost(detail, depth + 1)) : [];
  // Resource providers that are called by others have their answer as the text of the others' message.
  const written = inner.length > 0 ? inner : innermost(errorIn(message), depth + 1);
  if (written.length > 0) return written;
  if (typeof code !== 'string' && typeof message !== 'string') return [];
  return [
    {
      code: typeof code === 'string' && code !== '' ? code : null,
      message: typeof message === 'string' ? message : 'no message',
      isInner: depth > 0,
    },
  ];
}

function errorIn(text: unknown): unknown {
  if (typeof text !== 'string' || !/^\s*\{/.test(text)) return null;
  return errorOf(parseJson(text));
}

/** The error of an answer's body. */
export const errorOf = (body: unknown): unknown => {
  if (typeof body !== 'object' || body === null) return null;
  return (body as { error?: unknown }).error ?? body;
};

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
