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
const ALTERNATIVE_NAMES = '2.5.29.17';
const EXTENDED_KEY_USAGE = '2.5.29.37';
/** keyUsage (which `checkIssued` checks), certificatePolicies, and what is read here. */
const understood = new Set(['2.5.29.15', BASIC_CONSTRAINTS, '2.5.29.32', EXTENDED_KEY_USAGE, ALTERNATIVE_NAMES]);
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const ANY_USAGE = '2.5.29.37.0';
/** SHA-256 and longer, with RSA and ECDSA (RFC 4055, RFC 5758). */
const strongSignatures = new Set([
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
]);

/** What Node's X509Certificate does not tell, and RFC 5280 §6.1 wants to be checked. */
export interface Constraints {
  /**
   * No weak digest, no critical extension that we do not understand, and no name constraints, which we do not apply.
   */
  readonly usable: boolean;
  /** CAs that may follow below it; Infinity when it sets no limit. */
  readonly pathLength: number;
  /** Its extended key usage names serverAuth. */
  readonly forServers: boolean;
  /** As an authority, it may stand above a server's certificate: its extended key usage, if it has one, says so. */
  readonly aboveServers: boolean;
  /** Its subject alternative names of type dNSName. */
  readonly dnsNames: readonly string[];
}

const UNUSABLE: Constraints = { usable: false, pathLength: 0, forServers: false, aboveServers: false, dnsNames: [] };
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
  const valueOf = (wanted: string): Buffer | undefined => extensions.find(({ oid }) => oid === wanted)?.value;
  const basic = valueOf(BASIC_CONSTRAINTS);
  const usage = valueOf(EXTENDED_KEY_USAGE);
  const usages = usage ? parts(parseDer(usage), UNIVERSAL, SEQUENCE).map(oidOf) : null;
  const names = valueOf(ALTERNATIVE_NAMES);
  return {
    usable: strong && usable,
    pathLength: basic ? pathLengthOf(basic) : Infinity,
    forServers: usages?.includes(SERVER_AUTH) ?? false,
    aboveServers: usages?.some((one) => one === SERVER_AUTH || one === ANY_USAGE) ?? true,
    dnsNames: names ? dnsNamesOf(names) : [],
  };
}

/** RFC 5280 §4.2.1.6: dNSName is the choice with tag 2. */
function dnsNamesOf(alternativeNames: Buffer): string[] {
  return parts(parseDer(alternativeNames), UNIVERSAL, SEQUENCE).flatMap((name) =>
    is(name, CONTEXT, 2) && typeof name.value === 'string' ? [name.value] : [],
  );
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
