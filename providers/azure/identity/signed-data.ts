import { verify, X509Certificate } from 'node:crypto';
import { bytesOfBase64 } from '../../shared/base64.js';
import { IdentityError } from '../../errors.js';
import { content, CONTEXT, derOf, is, oidOf, OCTETSTRING, parseDer, parts, SEQUENCE, SET, UNIVERSAL } from './der.js';

/** Characters of base64; real documents have 4,208. */
const MAX_DOCUMENT_LENGTH = 32_768;
const SIGNED_DATA = '1.2.840.113549.1.7.2';
const DATA = '1.2.840.113549.1.7.1';

/** An attested document whose signature holds under the key of the certificate that it brings along. */
export interface SignedData {
  readonly signer: X509Certificate;
  readonly content: Buffer;
}

/**
 * Reads base64 of a DER PKCS#7 SignedData (RFC 2315) of the one form that Azure's metadata service makes: content
 * inside, one certificate, one signer, no authenticated attributes (the signature is over the content itself), RSA
 * PKCS#1 v1.5 with SHA-256. Says nothing about who the signer is. Whatever is wrong is an IdentityError.
 */
export function readSignedData(document: string | undefined): SignedData {
  const { certificate, signedContent, signature } = parse(decode(document));
  const signer = readCertificate(certificate);
  let holds: boolean;
  try {
    const key = signer.publicKey;
    if (key.asymmetricKeyType !== 'rsa') throw new IdentityError('the signer’s key is not RSA');
    holds = verify('sha256', signedContent, key, signature);
  } catch (error) {
    if (error instanceof IdentityError) throw error;
    throw new IdentityError('the signer’s key cannot be used', { cause: error });
  }
  if (!holds) throw new IdentityError('the signature does not hold');
  return { signer, content: signedContent };
}

function decode(document: string | undefined): Buffer {
  if (typeof document !== 'string' || document.length === 0) throw new IdentityError('no attested document');
  if (document.length > MAX_DOCUMENT_LENGTH) throw new IdentityError('the attested document is too long');
  const bytes = bytesOfBase64(document);
  if (!bytes) throw new IdentityError('the attested document is not base64');
  return bytes;
}

interface Parts {
  readonly certificate: Buffer;
  readonly signedContent: Buffer;
  readonly signature: Buffer;
}

function parse(bytes: Buffer): Parts {
  try {
    return readContentInfo(bytes);
  } catch (error) {
    if (error instanceof IdentityError) throw error;
    throw new IdentityError('the attested document is not PKCS#7 signed data', { cause: error });
  }
}

function readContentInfo(bytes: Buffer): Parts {
  const [contentType, wrapped] = parts(parseDer(bytes), UNIVERSAL, SEQUENCE);
  if (oidOf(contentType) !== SIGNED_DATA) throw new IdentityError('the attested document is no signed data');
  const [, , inner, certificates, ...rest] = parts(parts(wrapped, CONTEXT, 0)[0], UNIVERSAL, SEQUENCE);

  const [innerType, innerContent] = parts(inner, UNIVERSAL, SEQUENCE);
  if (oidOf(innerType) !== DATA) throw new IdentityError('the attested document holds something else than data');
  const signedContent = content(parts(innerContent, CONTEXT, 0)[0], OCTETSTRING);

  const [certificate, ...furtherCertificates] = parts(certificates, CONTEXT, 0);
  if (!certificate || furtherCertificates.length > 0) {
    throw new IdentityError('the attested document has not exactly one certificate');
  }
  const [signerInfo, ...furtherSigners] = parts(rest.at(-1), UNIVERSAL, SET);
  if (!signerInfo || furtherSigners.length > 0) {
    throw new IdentityError('the attested document has not exactly one signer');
  }
  const [, , , attributesOrAlgorithm, encryptedDigest] = parts(signerInfo, UNIVERSAL, SEQUENCE);
  if (is(attributesOrAlgorithm, CONTEXT, 0)) {
    throw new IdentityError('the signature is over attributes and not over the content');
  }
  return { certificate: derOf(certificate), signedContent, signature: content(encryptedDigest, OCTETSTRING) };
}

function readCertificate(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (error) {
    throw new IdentityError('the signer’s certificate cannot be read', { cause: error });
  }
}
