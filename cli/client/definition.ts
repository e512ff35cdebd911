import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { messageOf } from '../../domain/values.js';
import { EXIT, ExitError } from '../exit.js';

/** A pool's definition, of a file in JSON or YAML. */
export function readDefinition(file: string): object {
  try {
    const definition: unknown = parse(readFileSync(file, 'utf8'));
    if (typeof definition === 'object' && definition !== null) return definition;
  } catch (error) {
    throw new ExitError(EXIT.bad, `${file}: ${messageOf(error)}`);
  }
  throw new ExitError(EXIT.bad, `${file}: it holds no definition`);
}
