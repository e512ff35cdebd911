import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ProviderConfigError, readConfigFile } from '../shared/config-error.js';
import { isObject } from '../../domain/values.js';

/** Amazon's public key for identity documents, by region. */
export type IdentityKeys = ReadonlyMap<string, KeyObject>;

const KEY = 'identityCertificates';
/** What Amazon publishes; `scripts/refresh-certificates.mjs` writes it. */
const SHIPPED = new URL('./identity-certificates.json', import.meta.url);

/**
 * The shipped keys and, in their place by region, those of the file that `identityCertificates` names: JSON
 * `{region: {rsa: PEM}}`, a certificate or a public key each. Other members of a region are ignored. Throws
 * ProviderConfigError that says which region is wrong.
 */
export function readIdentityKeys(path: string | null): IdentityKeys {
  const own = path === null ? [] : identityKeys(parseFile(path), (message) => failFor(path, message));
  return new Map([...shippedKeys(), ...own]);
}

let parsedKeys: IdentityKeys | null = null;

function shippedKeys(): IdentityKeys {
  parsedKeys ??= identityKeys(
    (JSON.parse(readFileSync(SHIPPED, 'utf8')) as { regions: unknown }).regions,
    (message) => {
      throw new Error(`identity-certificates.json: ${message}`);
    },
  );
  return parsedKeys;
}

function failFor(path: string, message: string): never {
  throw new ProviderConfigError(KEY, `${path}: ${message}`);
}

function parseFile(path: string): unknown {
  const text = readConfigFile(KEY, path);
  try {
    return JSON.parse(text);
  } catch {
    return failFor(path, 'is not JSON');
  }
}

function identityKeys(regions: unknown, fail: (message: string) => never): IdentityKeys {
  if (!isObject(regions)) return fail('must be an object {region: {rsa: PEM}}');
  return new Map(
    Object.entries(regions).map(([region, entry]) => {
      if (!isObject(entry) || typeof entry.rsa !== 'string') return fail(`${region} must be an object with "rsa"`);
      return [region, publicKey(entry.rsa) ?? fail(`the "rsa" of ${region} is no RSA certificate in PEM`)];
    }),
  );
}

function publicKey(pem: string): KeyObject | null {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'rsa' ? key : null;
  } catch {
    return null;
  }
}
