import { createPublicKey, type KeyObject } from 'node:crypto';
import { ProviderConfigError, readConfigFile } from '../config-error.js';

/** Amazon's public key for identity documents, by region. */
export type IdentityKeys = ReadonlyMap<string, KeyObject>;

const KEY = 'identityCertificates';

/**
 * Reads `identityCertificates`: JSON `{region: {rsa: PEM}}`, a certificate or a public key each. Other members of a region
 * are left alone. Throws ProviderConfigError that says which region is wrong.
 */
export function readIdentityKeys(path: string): IdentityKeys {
  return parseIdentityKeys(readConfigFile(KEY, path), (message) => {
    throw new ProviderConfigError(KEY, `${path}: ${message}`);
  });
}

function parseIdentityKeys(text: string, fail: (message: string) => never): IdentityKeys {
  let regions: unknown;
  try {
    regions = JSON.parse(text);
  } catch {
    return fail('is not JSON');
  }
  if (!isRecord(regions)) return fail('must be an object {region: {rsa: PEM}}');
  return new Map(
    Object.entries(regions).map(([region, entry]) => {
      if (!isRecord(entry) || typeof entry.rsa !== 'string') return fail(`${region} must be an object with "rsa"`);
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

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
