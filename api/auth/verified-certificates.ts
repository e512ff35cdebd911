import type { Caller } from './client.js';
import type { PresentedSignature } from './signature.js';

/** What follows from a certificate that its issuer signed, for whoever signs with its access token. */
export interface VerifiedCertificate {
  readonly accessToken: string;
  readonly caller: Caller;
  /** Null where the issuer is the client itself. */
  readonly issuerId: string | null;
  /** Epoch milliseconds: it holds from then on, and until before then. */
  readonly from: number;
  readonly until: number;
}

/** Certificates that one process remembers, of 2 to 4 KB each; of more, the one verified first is forgotten. */
const MAX_CERTIFICATES = 20_000;

/**
 * Certificates that were verified once, by the exact text that carries them. A request's own signature is checked each
 * time, and when the certificate ends: nothing but its contents is remembered, which never change. Only what a valid
 * signature came with is added, so that nobody but the holders of credentials can fill it.
 */
export class VerifiedCertificates {
  readonly #byText = new Map<string, VerifiedCertificate>();

  /** Null where none of this text and client was verified, or does not hold now. */
  find({ clientId, ext }: PresentedSignature, nowMs: number): VerifiedCertificate | null {
    const found = ext === undefined ? undefined : this.#byText.get(ext);
    if (!found || found.caller.clientId !== clientId) return null;
    return found.from <= nowMs && nowMs < found.until ? found : null;
  }

  add({ ext }: PresentedSignature, certificate: VerifiedCertificate): void {
    if (ext === undefined) return;
    const [oldest] = this.#byText.keys();
    if (this.#byText.size >= MAX_CERTIFICATES && oldest !== undefined) this.#byText.delete(oldest);
    this.#byText.set(ext, certificate);
  }
}
