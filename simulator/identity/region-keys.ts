import { createPrivateKey, generateKeyPair, sign, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { selfSignedCertificate } from './certificate.js';

/** What the state directory keeps of a region's key. */
export interface StoredKey {
  readonly privateKey: string;
  readonly certificate: string;
}

const generate = promisify(generateKeyPair);
/** As AWS's own keys for these documents. */
const KEY_BITS = 1024;
const YEAR_MS = 365 * 24 * 3600 * 1000;

/** One signing key for each region, as AWS has: a document verifies with its own region's certificate only. */
export class RegionKeys {
  readonly #stored: Record<string, StoredKey>;
  readonly #keys = new Map<string, KeyObject>();

  private constructor(stored: Record<string, StoredKey>) {
    this.#stored = stored;
    for (const [region, { privateKey }] of Object.entries(stored)) this.#keys.set(region, createPrivateKey(privateKey));
  }

  /** Takes up the stored keys and makes those that are missing. */
  static async open(regions: readonly string[], stored: Record<string, StoredKey>): Promise<RegionKeys> {
    const created = regions.filter((region) => !stored[region]).map(async (region) => [region, await newKey(region)]);
    return new RegionKeys({ ...stored, ...Object.fromEntries(await Promise.all(created)) });
  }

  stored(): Record<string, StoredKey> {
    return this.#stored;
  }

  /** The shape of the product's `identityCertificates` file. */
  certificates(): Record<string, { rsa: string }> {
    return Object.fromEntries(Object.entries(this.#stored).map(([region, key]) => [region, { rsa: key.certificate }]));
  }

  has(region: string): boolean {
    return this.#keys.has(region);
  }

  /** RSA PKCS#1 v1.5 with SHA-256 over the document's bytes, base64 in lines of 76 as the metadata service gives it. */
  sign(region: string, document: string): string {
    const key = this.#keys.get(region);
    if (!key) throw new Error(`no key for region ${region}`);
    const signature = sign('sha256', Buffer.from(document), key).toString('base64');
    return (signature.match(/.{1,76}/g) ?? []).join('\n');
  }
}

async function newKey(region: string): Promise<StoredKey> {
  const keys = await generate('rsa', { modulusLength: KEY_BITS });
  const now = Date.now();
  const validity = { fromMs: now - 24 * 3600 * 1000, untilMs: now + 20 * YEAR_MS };
  return {
    privateKey: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: selfSignedCertificate(`simulated identity documents ${region}`, keys, validity),
  };
}
