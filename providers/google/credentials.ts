import { readFileSync } from 'node:fs';
import { ProviderConfigError } from '../shared/config-error.js';

/** A key file of Google's (service account, external account, authorized user): what Google's library takes. */
export type GoogleCredentials = Readonly<Record<string, unknown>> & { readonly type: string };

/**
 * The `creds` of the configuration: an object, its JSON as text, that text in base64, or the path of a file with it.
 * Null where there are none: then Google's own chain is used. Throws ProviderConfigError that says which form it took
 * it for, and never what it read.
 */
export function readCredentials(creds: string | object | null | undefined): GoogleCredentials | null {
  if (creds === null || creds === undefined) return null;
  if (typeof creds === 'object') return checked(creds, 'the object');
  const text = creds.trim();
  if (text.startsWith('{')) return checked(parse(text, 'the JSON text'), 'the JSON text');
  const decoded = fromBase64(text);
  if (decoded !== null) return checked(parse(decoded, 'the base64 text'), 'the base64 text');
  return checked(parse(readFile(text), `the file ${text}`), `the file ${text}`);
}

/** Null for what is no base64 of an object's text: a path may have its characters too. */
function fromBase64(text: string): string | null {
  const packed = text.replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(packed)) return null;
  const decoded = Buffer.from(packed, 'base64').toString('utf8').trim();
  return decoded.startsWith('{') ? decoded : null;
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // What is no path is perhaps a secret, and must not reach a log.
    const shown = /^[\w .~@/-]{1,200}$/.test(path) ? path : 'a text that is no JSON and no base64 of it';
    throw new ProviderConfigError('creds', `cannot read ${shown} (${code})`);
  }
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProviderConfigError('creds', `${what} is not JSON`);
  }
}

/** What a type needs that Google's library would only miss at its first call. */
const required: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['service_account', ['client_email', 'private_key']],
  ['authorized_user', ['client_id', 'client_secret', 'refresh_token']],
  ['external_account', ['audience', 'subject_token_type', 'token_url', 'credential_source']],
]);

function checked(value: unknown, what: string): GoogleCredentials {
  const credentials = Object(value) as Record<string, unknown>;
  const { type } = credentials;
  const names = required.get(type);
  if (!names) throw new ProviderConfigError('creds', `${what} must have a type: ${[...required.keys()].join(', ')}`);
  for (const name of names) {
    if (!credentials[name]) throw new ProviderConfigError('creds', `${what} has no ${name}`);
  }
  return credentials as GoogleCredentials;
}
