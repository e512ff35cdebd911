import type { X509Certificate } from 'node:crypto';
import { IdentityError, ProviderError } from '../../errors.js';
import type { IdentityProof } from '../../provider.js';
import { assertInTime, readAttestedData } from './attested-data.js';
import { constraintsOf } from './constraints.js';
import { type FetchIntermediate, Intermediates } from './intermediates.js';
import { readSignedData } from './signed-data.js';
import { readTrustStore, type TrustFiles, type TrustStore } from './trust-store.js';

export interface AzureIdentityOptions extends TrustFiles {
  readonly subscriptionId: string;
  /** In the place of the network, for tests. */
  readonly fetchIntermediate?: FetchIntermediate;
  /** In the place of the certificates that the product ships, for tests. */
  readonly shipped?: TrustStore;
}

export interface AzureIdentity {
  /**
   * Resolves when the proof's attested document is about the machine with this vmId. `vmIdOf` is called once all else
   * has held, so that nothing that is forged costs a call to Azure; null means that Azure does not show the machine
   * (yet). Throws IdentityError, and ProviderError(Unavailable) where a repetition may end well.
   */
  readonly verify: (vmIdOf: () => Promise<string | null>, proof: IdentityProof, nowMs: number) => Promise<void>;
}

/** Throws ProviderConfigError when a file cannot be read. */
export function azureIdentity(options: AzureIdentityOptions): AzureIdentity {
  const intermediates = new Intermediates(readTrustStore(options, options.shipped), options.fetchIntermediate);
  return {
    verify: async (vmIdOf, { document }, nowMs) => {
      const { signer, content } = readSignedData(document);
      assertMetadataService(signer);
      const data = readAttestedData(content);
      assertInTime(data, nowMs);
      if (data.subscriptionId !== null && !equal(data.subscriptionId, options.subscriptionId)) {
        throw new IdentityError('the attested document is of another subscription');
      }
      await intermediates.chainOf(signer, nowMs);
      const vmId = await vmIdOf();
      if (vmId === null) {
        throw new ProviderError({ code: 'Unavailable', message: 'Azure does not show the machine that registers' });
      }
      if (!equal(data.vmId, vmId)) throw new IdentityError('vmId is not the machine’s');
    },
  };
}

/**
 * Throws IdentityError unless the certificate is that of a server, and for Azure's metadata service:
 * `metadata.azure.com`, a region of it (`eastus.metadata.azure.com`), or as a wildcard. Only of a server's alternative
 * names (RFC 6125) do public authorities prove that the subject holds them; a mail certificate may carry any common
 * name.
 */
export function assertMetadataService(signer: X509Certificate): void {
  const subject = signer.toLegacyObject().subject as Record<string, string | string[] | undefined> | undefined;
  const { forServers, dnsNames } = constraintsOf(signer);
  if (!isMetadataService(subject?.CN) || !dnsNames.some(isMetadataService)) {
    throw new IdentityError('the signer is not Azure’s metadata service');
  }
  if (!forServers) throw new IdentityError('the signer’s certificate is not that of a server');
}

const isMetadataService = (name: unknown): boolean =>
  typeof name === 'string' && /^(([-\w]+|\*)\.)*metadata\.azure\.com$/.test(name);

const equal = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
