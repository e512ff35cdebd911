import { generateKeyPairSync, randomBytes } from 'node:crypto';
import forge from 'node-forge';

/** PEM, as the state directory keeps them. */
export interface KeyAndCertificate {
  readonly privateKey: string;
  readonly certificate: string;
}

/**
 * The simulator's own authorities: root, intermediate and signer of attested documents, and the TLS server under the
 * root.
 */
export interface AzureKeys {
  readonly root: KeyAndCertificate;
  readonly intermediate: KeyAndCertificate;
  readonly signer: KeyAndCertificate;
  readonly tls: KeyAndCertificate;
}

const DAY_MS = 24 * 3600 * 1000;
const VALID_DAYS = 3650;

/** Takes most of a second, in which nothing is answered. */
export function makeAzureKeys(): AzureKeys {
  const root = certify('Simulated Azure Root', null, authority);
  const intermediate = certify('Simulated Azure Issuing CA 01', root, authority);
  const names = [
    { type: 2, value: 'metadata.azure.com' },
    { type: 2, value: 'eastus.metadata.azure.com' },
  ];
  const signer = certify('metadata.azure.com', intermediate, [...server, { name: 'subjectAltName', altNames: names }]);
  const here = [
    { type: 2, value: 'localhost' },
    { type: 7, ip: '127.0.0.1' },
  ];
  const tls = certify('localhost', root, [...server, { name: 'subjectAltName', altNames: here }]);
  return { root, intermediate, signer, tls };
}

const authority = [
  { name: 'basicConstraints', cA: true, critical: true },
  { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
];
const server = [
  { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
  { name: 'extKeyUsage', serverAuth: true },
];

/** A certificate for a new RSA key, signed by `issuer` or by itself. */
function certify(commonName: string, issuer: KeyAndCertificate | null, extensions: object[]): KeyAndCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey);
  certificate.serialNumber = `40${randomBytes(15).toString('hex')}`;
  certificate.validity.notBefore = new Date(Date.now() - DAY_MS);
  certificate.validity.notAfter = new Date(Date.now() + VALID_DAYS * DAY_MS);
  const subject = [
    { shortName: 'C', value: 'US' },
    { shortName: 'O', value: 'Simulator' },
    { shortName: 'CN', value: commonName },
  ];
  certificate.setSubject(subject);
  certificate.setIssuer(issuer ? forge.pki.certificateFromPem(issuer.certificate).subject.attributes : subject);
  certificate.setExtensions(extensions);
  certificate.sign(forge.pki.privateKeyFromPem(issuer?.privateKey ?? privateKey), forge.md.sha256.create());
  return { privateKey, certificate: forge.pki.certificateToPem(certificate) };
}
