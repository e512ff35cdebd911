import { Ajv } from 'ajv';
import { Type } from 'typebox';
import { AuthenticationError } from './client.js';
import type { Certificate } from './certificate.js';
import { isObject } from '../../domain/values.js';

/** What Hawk's `ext` carries: base64 of JSON. */
export interface HawkExt {
  readonly certificate?: Certificate;
  /** The caller gives up every other scope for this call. */
  readonly authorizedScopes?: readonly string[];
}

const scopes = Type.Array(Type.String({ pattern: '^[\\x20-\\x7e]*$' }), { maxItems: 1000 });
const certificateSchema = Type.Object(
  {
    version: Type.Literal(1),
    scopes,
    start: Type.Integer(),
    expiry: Type.Integer(),
    seed: Type.String({ minLength: 44, maxLength: 44 }),
    signature: Type.String({ maxLength: 100 }),
    issuer: Type.Optional(Type.Union([Type.Null(), Type.String({ pattern: '^[A-Za-z0-9!@/:.+|_-]+$' })])),
  },
  { additionalProperties: false },
);
const ajv = new Ajv();
const isExt = ajv.compile<HawkExt>(
  Type.Object({ certificate: Type.Optional(certificateSchema), authorizedScopes: Type.Optional(scopes) }),
);

/** Throws AuthenticationError when it is not what it should be. */
export function parseExt(ext: string | undefined): HawkExt {
  if (!ext) return {};
  const parsed = parseJson(Buffer.from(ext, 'base64').toString('utf8'));
  if (isObject(parsed) && typeof parsed.certificate === 'string') parsed.certificate = parseJson(parsed.certificate);
  if (!isExt(parsed)) throw new AuthenticationError('The ext of the Hawk header is not valid.');
  return parsed;
}

/** Who is said to have signed the certificate in it; null where nobody is, or it is not what it should be. */
export function issuerOf(ext: string | undefined): string | null {
  try {
    return parseExt(ext).certificate?.issuer ?? null;
  } catch {
    return null;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AuthenticationError('The ext of the Hawk header is not valid.');
  }
}
