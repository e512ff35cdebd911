import { X509Certificate } from 'node:crypto';
import { IdentityError, ProviderError } from '../../errors.js';
import { type Chain, chainsOf, invalidAt, named, nameOf, oneLine, signed } from './chain.js';
import { allowedAddress, download } from './download.js';
import type { TrustStore } from './trust-store.js';

/** Gives what an allowed address holds; rejects when it cannot be had now. */
export type FetchIntermediate = (url: URL) => Promise<Buffer>;

/** Azure's signers lack one authority that can be fetched, or two. */
const MAX_FETCHED = 3;
const MAX_ADDRESSES = 2;
/** Addresses asked at once, by forged certificates too. */
const MAX_FETCHING = 8;
const MAX_PROVEN = 64;
/** An address that failed is left alone for so long. */
const FAILED_FOR_MS = 10_000;
const MAX_FAILED = 64;

/** Builds chains to a root, with intermediates fetched from where the certificates say (RFC 5280, AIA caIssuers). */
export class Intermediates {
  private readonly store: TrustStore;
  private readonly fetchCertificate: FetchIntermediate;
  /** Fetched, and by now seen below a root, by fingerprint. */
  private readonly proven = new Map<string, X509Certificate>();
  private readonly fetching = new Map<string, Promise<X509Certificate>>();
  private readonly failed = new Map<string, number>();

  constructor(store: TrustStore, fetchCertificate: FetchIntermediate = download) {
    this.store = store;
    this.fetchCertificate = fetchCertificate;
  }

  /**
   * A chain in which every signature holds and every certificate is valid at `nowMs`. Throws IdentityError when there
   * is none, and ProviderError(Unavailable) when one may be missing only because an address does not answer now.
   */
  async chainOf(signer: X509Certificate, nowMs: number): Promise<Chain> {
    const late = invalidAt(signer, nowMs);
    if (late !== null) throw new IdentityError(late);
    const known = [...this.store.intermediates, ...this.proven.values()];
    const chain = validChain(chainsOf(signer, { ...this.store, intermediates: known }), nowMs);
    if (chain) return chain;
    const namesakes = [...this.store.roots, ...known].filter((one) => named(one, signer));
    if (namesakes.length > 0 && !namesakes.some((one) => signed(one, signer))) {
      throw new IdentityError(`${nameOf(signer)} is forged: ${oneLine(signer.issuer)} did not sign it`);
    }
    return this.fetchChain(signer, known, nowMs);
  }

  private async fetchChain(signer: X509Certificate, known: readonly X509Certificate[], nowMs: number): Promise<Chain> {
    const fetched: X509Certificate[] = [];
    let chains: Chain[] = [];
    for (let last = signer; fetched.length < MAX_FETCHED && !named(last, last); last = fetched.at(-1)!) {
      fetched.push(await this.fetchIssuer(last));
      chains = chainsOf(signer, { ...this.store, intermediates: [...known, ...fetched] });
      const chain = validChain(chains, nowMs);
      if (!chain) continue;
      this.add(fetched.filter((one) => chain.includes(one)));
      return chain;
    }
    const late = chains[0]?.map((one) => invalidAt(one, nowMs)).find((problem) => problem !== null);
    throw new IdentityError(late ?? `no root that we trust is above ${nameOf(signer)}`);
  }

  private async fetchIssuer(certificate: X509Certificate): Promise<X509Certificate> {
    const listed = issuerAddresses(certificate);
    const addresses = listed.map(allowedAddress).filter((url) => url !== null);
    if (addresses.length === 0) {
      const where =
        listed.length === 0 ? 'it names no address' : `it may not be fetched from ${listed[0]!.slice(0, 200)}`;
      throw new IdentityError(
        `${oneLine(certificate.issuer)}, the issuer of ${nameOf(certificate)}, is not known, and ${where}`,
      );
    }
    let isForged = false;
    let failure: unknown;
    for (const url of addresses.slice(0, MAX_ADDRESSES)) {
      try {
        const issuer = await this.fetchOnce(url);
        if (signed(issuer, certificate)) return issuer;
        isForged = true;
      } catch (error) {
        failure = error;
      }
    }
    if (isForged) throw new IdentityError(`${nameOf(certificate)} is not signed by the authority at its own address`);
    throw new ProviderError({
      code: 'Unavailable',
      message: `${oneLine(certificate.issuer)} cannot be fetched: ${failure instanceof Error ? failure.message : 'failed'}`,
      cause: failure,
    });
  }

  private fetchOnce(url: URL): Promise<X509Certificate> {
    const before = this.fetching.get(url.href);
    if (before) return before;
    if ((this.failed.get(url.href) ?? 0) > performance.now()) {
      return Promise.reject(new Error(`${url.host} failed a moment ago`));
    }
    if (this.fetching.size >= MAX_FETCHING) return Promise.reject(new Error('too many certificates are being fetched'));
    const fetching = this.fetchCertificate(url)
      .then((bytes) => new X509Certificate(bytes))
      .catch((error: unknown) => {
        this.failed.set(url.href, performance.now() + FAILED_FOR_MS);
        dropOldest(this.failed, MAX_FAILED);
        throw error;
      })
      .finally(() => this.fetching.delete(url.href));
    this.fetching.set(url.href, fetching);
    return fetching;
  }

  private add(certificates: readonly X509Certificate[]): void {
    for (const certificate of certificates) this.proven.set(certificate.fingerprint256, certificate);
    dropOldest(this.proven, MAX_PROVEN);
  }
}

/** Where the certificate says that its issuer's certificate is (AIA, caIssuers). */
export function issuerAddresses(certificate: X509Certificate): string[] {
  return certificate.toLegacyObject().infoAccess?.['CA Issuers - URI'] ?? [];
}

const validChain = (chains: readonly Chain[], nowMs: number): Chain | undefined =>
  chains.find((chain) => chain.every((one) => invalidAt(one, nowMs) === null));

function dropOldest(map: Map<string, unknown>, size: number): void {
  for (const key of map.keys()) {
    if (map.size <= size) return;
    map.delete(key);
  }
}
