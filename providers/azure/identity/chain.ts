import type { X509Certificate } from 'node:crypto';
import { constraintsOf } from './constraints.js';
import type { TrustStore } from './trust-store.js';

/** From the signer's certificate to a root, both included. */
export type Chain = readonly X509Certificate[];

/** Authorities between signer and root; Azure's longest chain has two. */
const MAX_INTERMEDIATES = 4;

/** Whether `issuer` signed it: by name and key id, by being an authority, and by its signature. */
export function signed(issuer: X509Certificate, certificate: X509Certificate): boolean {
  if (!issuer.ca || !named(issuer, certificate)) return false;
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

/** Whether the certificate says that it comes from `issuer`; no proof. */
export function named(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer);
}

/**
 * Every chain of signatures from this server's certificate to a root. Times are not checked. One authority may have
 * several certificates (cross-signed, renewed), hence several chains.
 */
export function chainsOf(certificate: X509Certificate, store: TrustStore): Chain[] {
  const chains: Chain[] = [];
  const extend = (chain: Chain): void => {
    const last = chain.at(-1)!;
    if (!constraintsOf(last).usable) return;
    for (const root of store.roots) {
      if (signed(root, last) && allowsBelow(root, chain)) chains.push([...chain, root]);
    }
    if (chain.length > MAX_INTERMEDIATES) return;
    for (const next of store.intermediates) {
      const isNew = chain.every((one) => one.fingerprint256 !== next.fingerprint256);
      const allows = allowsBelow(next, chain) && constraintsOf(next).aboveServers;
      if (isNew && allows && signed(next, last)) extend([...chain, next]);
    }
  };
  extend([certificate]);
  return chains;
}

/** The authorities below it, without the signer, are not more than it allows. */
const allowsBelow = (issuer: X509Certificate, below: Chain): boolean =>
  below.length - 1 <= constraintsOf(issuer).pathLength;

/** What is wrong with its time, in words; null when it is valid then. */
export function invalidAt(certificate: X509Certificate, nowMs: number): string | null {
  const { validFromDate: from, validToDate: to } = certificate;
  if (nowMs < from.getTime()) return `${nameOf(certificate)} is not valid before ${from.toISOString()}`;
  if (nowMs > to.getTime()) return `${nameOf(certificate)} expired at ${to.toISOString()}`;
  return null;
}

/** The certificate's subject on one line, for people. */
export const nameOf = ({ subject }: X509Certificate): string => `the certificate of ${oneLine(subject)}`;
export const oneLine = (name: string | undefined): string => (name ?? '(nobody)').split('\n').join(', ').slice(0, 300);
