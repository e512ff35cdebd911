import { parseInstant } from '../../domain/instants.js';
import { inputError } from './errors.js';

/** Epoch milliseconds of what a query says; null where it says nothing. */
export function instantOf(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const instant = parseInstant(text);
  if (instant === null) throw inputError(`${name} is no RFC 3339 instant.`);
  return instant;
}
