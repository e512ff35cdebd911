import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IdentityProof } from '../../providers/provider.js';

/** Keys in the place of Amazon's, one for each region, and documents signed with them. */
export class IdentitySigner {
  private readonly keys = new Map<string, { publicKey: KeyObject; privateKey: KeyObject }>();

  constructor(regions: readonly string[]) {
    for (const region of regions) this.keys.set(region, generateKeyPairSync('rsa', { modulusLength: 2048 }));
  }

  /** A file as `identityCertificates` names it. */
  writeCertificates(): string {
    const path = join(mkdtempSync(join(tmpdir(), 'identity-')), 'certificates.json');
    const entries = [...this.keys].map(([region, { publicKey }]) => [
      region,
      { rsa: publicKey.export({ type: 'spki', format: 'pem' }) },
    ]);
    writeFileSync(path, JSON.stringify(Object.fromEntries(entries)));
    return path;
  }

  proof(region: string, document: string): IdentityProof {
    const { privateKey } = this.keys.get(region)!;
    return { document, signature: sign('sha256', Buffer.from(document), privateKey).toString('base64') };
  }
}
