import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { ProviderConfigError, readConfigFile } from '../../shared/config-error.js';

/** Certificates that need no proof, and certificates that help to build a chain but must be proved themselves. */
export interface TrustStore {
  readonly roots: readonly X509Certificate[];
  readonly intermediates: readonly X509Certificate[];
}

export interface TrustFiles {
  /** Paths to PEM, one certificate or several. */
  readonly trustedRoots: string | null;
  readonly trustedIntermediates: string | null;
}

/**
 * Node's own roots, the shipped certificates and what the files hold. An intermediate is never a root, not even a
 * self-signed one: it counts only below a root. Throws ProviderConfigError that names the file.
 */
export function readTrustStore(
  { trustedRoots, trustedIntermediates }: TrustFiles,
  shipped: TrustStore = shippedStore(),
): TrustStore {
  return {
    roots: [...nodeRoots(), ...shipped.roots, ...readPem('trustedRoots', trustedRoots)],
    intermediates: [...shipped.intermediates, ...readPem('trustedIntermediates', trustedIntermediates)],
  };
}

/** What Microsoft publishes; `scripts/refresh-certificates.mjs` writes it. */
const SHIPPED = new URL('./certificates.json', import.meta.url);
let parsedStore: TrustStore | null = null;

function shippedStore(): TrustStore {
  if (parsedStore) return parsedStore;
  const { roots, intermediates } = JSON.parse(readFileSync(SHIPPED, 'utf8')) as Record<keyof TrustStore, string[]>;
  const certificates = (pems: readonly string[]) => pems.map((pem) => new X509Certificate(pem));
  return (parsedStore = { roots: certificates(roots), intermediates: certificates(intermediates) });
}

let parsedRoots: readonly X509Certificate[] | null = null;
const nodeRoots = (): readonly X509Certificate[] =>
  (parsedRoots ??= rootCertificates.map((pem) => new X509Certificate(pem)));

function readPem(key: string, path: string | null): X509Certificate[] {
  if (path === null) return [];
  const fail = (message: string): never => {
    throw new ProviderConfigError(key, message);
  };
  const blocks = readConfigFile(key, path).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (!blocks) return fail(`${path} holds no certificate in PEM`);
  return blocks.map((pem, index) => {
    const certificate = parse(pem) ?? fail(`certificate ${index + 1} of ${path} cannot be read`);
    if (!certificate.ca) return fail(`certificate ${index + 1} of ${path} is not an authority’s`);
    return certificate;
  });
}

function parse(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}
