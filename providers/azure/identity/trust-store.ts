import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { ProviderConfigError, readConfigFile } from '../../config-error.js';

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
 * Node's own roots and what the files hold. An intermediate is never a root, not even a self-signed one: it counts only
 * below a root. Throws ProviderConfigError that names the file.
 */
export function readTrustStore({ trustedRoots, trustedIntermediates }: TrustFiles): TrustStore {
  return {
    roots: [...nodeRoots(), ...readPem('trustedRoots', trustedRoots)],
    intermediates: readPem('trustedIntermediates', trustedIntermediates),
  };
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
