import { createPrivateKey, createPublicKey, generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { selfSignedCertificate } from '../identity/certificate.js';
import { uniqueIdOf } from './accounts.js';
import type { Properties } from './resource.js';
import { signToken, type AccountKeys } from './tokens.js';

interface SigningKey {
  readonly kid: string;
  readonly privateKey: string;
  readonly certificate: string;
}

/** What the state directory keeps. */
export interface StoredGoogleKeys {
  readonly signing: readonly SigningKey[];
  readonly accounts: AccountKeys;
}

/** Who signs a token: Google, or somebody who would like to pass for it. */
export const signers = ['google', 'unknown key', 'forged', 'none'] as const;
export type Signer = (typeof signers)[number];

const generate = promisify(generateKeyPair);
const KEY_BITS = 2048;
const DAY_MS = 24 * 3600 * 1000;

/**
 * Google's keys for identity tokens, and those of service accounts. Made when first needed: most simulators never need
 * any.
 */
export class GoogleKeys {
  #stored: StoredGoogleKeys;
  readonly #save: (stored: StoredGoogleKeys) => void;
  #making: Promise<SigningKey> | null = null;
  #stranger: SigningKey | null = null;

  constructor(stored: StoredGoogleKeys | null, save: (stored: StoredGoogleKeys) => void) {
    this.#stored = stored ?? { signing: [], accounts: {} };
    this.#save = save;
  }

  get accounts(): AccountKeys {
    return this.#stored.accounts;
  }

  async sign(claims: Properties, signer: Signer = 'google'): Promise<string> {
    const key = await this.#current();
    if (signer === 'google') return signToken(claims, key.kid, createPrivateKey(key.privateKey));
    if (signer === 'none') return signToken(claims, key.kid, null);
    const other = (this.#stranger ??= await newKey());
    return signToken(claims, signer === 'forged' ? key.kid : other.kid, createPrivateKey(other.privateKey));
  }

  /** As at `/oauth2/v3/certs` (RFC 7517). */
  async keySet(): Promise<Properties> {
    await this.#current();
    const keys = this.#stored.signing.map(({ kid, privateKey }) => ({
      ...createPublicKey(privateKey).export({ format: 'jwk' }),
      kid,
      use: 'sig',
      alg: 'RS256',
    }));
    return { keys };
  }

  /** As at `/oauth2/v1/certs`. */
  async certificates(): Promise<Properties> {
    await this.#current();
    return Object.fromEntries(this.#stored.signing.map(({ kid, certificate }) => [kid, certificate]));
  }

  /** A new key signs from now on; the older ones can still be had unless they are dropped. */
  async rotate(drop: boolean): Promise<void> {
    const key = await newKey();
    this.#keep({ ...this.#stored, signing: [key, ...(drop ? [] : this.#stored.signing)] });
    this.#making = null;
  }

  /** A key file of the service account, as it is downloaded once. */
  async keyFile(email: string, project: string): Promise<Properties> {
    const { kid, privateKey } = await newKey();
    const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
    this.#keep({ ...this.#stored, accounts: { ...this.#stored.accounts, [kid]: { email, publicKey } } });
    return {
      type: 'service_account',
      project_id: project,
      private_key_id: kid,
      private_key: privateKey,
      client_email: email,
      client_id: uniqueIdOf(email),
      token_uri: 'https://oauth2.googleapis.com/token',
      universe_domain: 'googleapis.com',
    };
  }

  async #current(): Promise<SigningKey> {
    const [known] = this.#stored.signing;
    if (known) return known;
    this.#making ??= newKey();
    const created = await this.#making;
    if (this.#stored.signing.length === 0) this.#keep({ ...this.#stored, signing: [created] });
    return this.#stored.signing[0] ?? created;
  }

  #keep(stored: StoredGoogleKeys): void {
    this.#stored = stored;
    this.#save(stored);
  }
}

async function newKey(): Promise<SigningKey> {
  const keys = await generate('rsa', { modulusLength: KEY_BITS });
  const now = Date.now();
  return {
    kid: randomBytes(20).toString('hex'),
    privateKey: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: selfSignedCertificate('federated-signon.system.gserviceaccount.com', keys, {
      fromMs: now - DAY_MS,
      untilMs: now + 365 * DAY_MS,
    }),
  };
}
