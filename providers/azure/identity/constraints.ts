import type { X509Certificate } from 'node:crypto';
import {
  BOOLEAN,
  content,
  CONTEXT,
  INTEGER,
  is,
  type Node,
  OCTETSTRING,
  oidOf,
  parseDer,
  parts,
  SEQUENCE,
  UNIVERSAL,
} from './der.js';

const BASIC_CONSTRAINTS = '2.5.29.19';
const NAME_CONSTRAINTS = '2.5.29.30';
/** keyUsage (which `checkIssued` looks at), basicConstraints, certificatePolicies, extKeyUsage. */
const understood = new Set(['2.5.29.15', BASIC_CONSTRAINTS, '2.5.29.32', '2.5.29.37']);
/** SHA-256 and longer, with RSA and ECDSA (RFC 4055, RFC 5758). */
const strongSignatures = new Set([
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
]);

/** What Node's X509Certificate does not tell, and RFC 5280 §6.1 wants to be looked at. */
export interface Constraints {
  /** No weak digest, no critical extension that we do not understand, and no name constraints, which we do not apply. */
  readonly usable: boolean;
  /** CAs that may follow below it; Infinity when it sets no limit. */
  readonly pathLength: number;
}

const UNUSABLE: Constraints = { usable: false, pathLength: 0 };
const known = new WeakMap<X509Certificate, Constraints>();

export function constraintsOf(certificate: X509Certificate): Constraints {
  const before = known.get(certificate);
  if (before) return before;
  let constraints = UNUSABLE;
  try {
    constraints = read(certificate.raw);
  } catch {
    // A form that we cannot read is a certificate that we do not use.
  }
  known.set(certificate, constraints);
  return constraints;
}

function read(der: Buffer): Constraints {
  const [toBeSigned, algorithm] = parts(parseDer(der), UNIVERSAL, SEQUENCE);
  const strong = strongSignatures.has(oidOf(parts(algorithm, UNIVERSAL, SEQUENCE)[0]));
  const wrapped = parts(toBeSigned, UNIVERSAL, SEQUENCE).find((part) => is(part, CONTEXT, 3));
  const extensions = wrapped ? parts(parts(wrapped, CONTEXT, 3)[0], UNIVERSAL, SEQUENCE).map(readExtension) : [];
  const usable = extensions.every(
    ({ oid, critical }) => oid !== NAME_CONSTRAINTS && (!critical || understood.has(oid)),
  );
  const basic = extensions.find(({ oid }) => oid === BASIC_CONSTRAINTS);
  return { usable: strong && usable, pathLength: basic ? pathLengthOf(basic.value) : Infinity };
}

function readExtension(node: Node) {
  const [oid, ...rest] = parts(node, UNIVERSAL, SEQUENCE);
  const critical = is(rest[0], UNIVERSAL, BOOLEAN) && content(rest[0], BOOLEAN)[0] !== 0;
  return { oid: oidOf(oid), critical, value: content(rest.at(-1), OCTETSTRING) };
}

function pathLengthOf(basicConstraints: Buffer): number {
  const limit = parts(parseDer(basicConstraints), UNIVERSAL, SEQUENCE).find((part) => is(part, UNIVERSAL, INTEGER));
  return limit ? content(limit, INTEGER).readUIntBE(0, 1) : Infinity;
}
