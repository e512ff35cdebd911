import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { ApiError } from './errors.js';

/** Deeper nesting is nobody's definition, and a danger to every recursive reader. */
const MAX_DEPTH = 100;

/** JSON is the only kind of body. An empty one counts as absent: some clients set the header without a body. */
export function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      const bytes = body as Buffer;
      if (request.signedPayloadHash !== null) request.signedPayload = bytes;
      done(null, parseBody(bytes));
    } catch (error) {
      done(error as Error);
    }
  });
}

function parseBody(bytes: Buffer): unknown {
  // Bytes that are no text would be stored as other text than was sent.
  if (!isUtf8(bytes)) throw new ApiError('MalformedPayload', 'The body is not UTF-8.');
  const text = bytes.toString('utf8');
  if (text.trim() === '') return undefined;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new ApiError('MalformedPayload', 'The body is not valid JSON.');
  }
  const fault = faultOf(body, 0);
  if (fault) throw new ApiError('MalformedPayload', `The body holds ${fault}.`);
  return body;
}

/** What the database cannot hold or an object must not have; null when there is none of it. */
function faultOf(value: unknown, depth: number): string | null {
  if (typeof value === 'string') return isStorable(value) ? null : 'text with a NUL character or half a surrogate pair';
  if (typeof value === 'number') return Number.isFinite(value) ? null : 'a number that is too large';
  if (typeof value !== 'object' || value === null) return null;
  if (depth >= MAX_DEPTH) return `values nested deeper than ${MAX_DEPTH}`;
  for (const [key, item] of Object.entries(value)) {
    if (key === '__proto__') return 'a key that is not allowed';
    const fault = (isStorable(key) ? null : 'a key with a NUL character') ?? faultOf(item, depth + 1);
    if (fault) return fault;
  }
  return null;
}

/** Whether the database can hold it. */
export const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();
