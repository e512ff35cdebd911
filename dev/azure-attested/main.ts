import type { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { ProviderConfigError } from '../../providers/shared/config-error.js';
import { IdentityError, ProviderError } from '../../providers/errors.js';
import { assertInTime, type AttestedData, readAttestedData } from '../../providers/azure/identity/attested-data.js';
import { type Chain, named, oneLine } from '../../providers/azure/identity/chain.js';
import { Intermediates, issuerAddresses } from '../../providers/azure/identity/intermediates.js';
import { readSignedData } from '../../providers/azure/identity/signed-data.js';
import { readTrustStore } from '../../providers/azure/identity/trust-store.js';
import { assertMetadataService } from '../../providers/azure/identity/verify.js';
import { EXIT, ExitError } from '../../cli/exit.js';

/** `npm run azure:attested -- FILE`. */
interface Options {
  readonly trustedRoots?: string;
  readonly trustedIntermediates?: string;
}

const print = (...lines: readonly string[]): void => lines.forEach((line) => console.log(line));
const time = (ms: number): string => new Date(ms).toISOString();

async function showDocuments(file: string, options: Options): Promise<void> {
  const store = readTrustStore({
    trustedRoots: options.trustedRoots ?? null,
    trustedIntermediates: options.trustedIntermediates ?? null,
  });
  const intermediates = new Intermediates(store);
  const documents = documentsIn(file);
  for (const document of documents) await showDocument(document, intermediates);
}

/** Ends with code 1 when the document would not have been believed even at its own time. */
async function showDocument(document: string, intermediates: Intermediates): Promise<void> {
  const { signer, content } = readSignedData(document);
  const data = readAttestedData(content);
  const verify = async (atMs: number): Promise<Chain> => {
    assertMetadataService(signer);
    assertInTime(data, atMs);
    return intermediates.chainOf(signer, atMs);
  };
  const then = await outcomeOf(verify(data.createdMs));
  const now = await outcomeOf(verify(Date.now()));

  showCertificate('Signer', signer);
  const addresses = issuerAddresses(signer);
  print('  issuer’s certificate at', ...(addresses.length > 0 ? addresses : ['(nowhere)']).map((one) => `    ${one}`));
  if (then.chain) then.chain.slice(1).forEach(showAuthority);
  else print('Intermediate: not known, see below');
  showData(data);
  print(
    'Verified by our store',
    `  at its own time, ${time(data.createdMs)}: ${then.chain ? 'yes' : `no: ${then.problem}`}`,
    `  now, ${time(Date.now())}: ${now.chain ? 'yes' : `no: ${now.problem}`}`,
  );
  if (!then.chain) process.exitCode = then.isOutage ? EXIT.unreachable : EXIT.bad;
}

const showAuthority = (certificate: X509Certificate, index: number, { length }: Chain): void =>
  showCertificate(index === length - 1 ? 'Root' : 'Intermediate', certificate);

function showCertificate(role: string, certificate: X509Certificate): void {
  const { subject, issuer, fingerprint, fingerprint256, validFromDate, validToDate } = certificate;
  print(
    named(certificate, certificate) ? `${role} (self-signed)` : role,
    `  subject  ${oneLine(subject)}`,
    `  issuer   ${oneLine(issuer)}`,
    `  SHA-1    ${fingerprint}`,
    `  SHA-256  ${fingerprint256}`,
    `  valid    ${validFromDate.toISOString()} to ${validToDate.toISOString()}`,
  );
}

function showData({ vmId, subscriptionId, createdMs, expiresMs }: AttestedData): void {
  print(
    'Document',
    `  vmId          ${JSON.stringify(vmId)}`,
    `  subscription  ${subscriptionId === null ? '(none)' : JSON.stringify(subscriptionId)}`,
    `  created       ${time(createdMs)}`,
    `  expires       ${time(expiresMs)}`,
  );
}

interface Outcome {
  readonly chain: Chain | null;
  readonly problem: string;
  readonly isOutage: boolean;
}

async function outcomeOf(verifying: Promise<Chain>): Promise<Outcome> {
  try {
    return { chain: await verifying, problem: '', isOutage: false };
  } catch (error) {
    if (!(error instanceof IdentityError) && !(error instanceof ProviderError)) throw error;
    return { chain: null, problem: error.message, isOutage: error instanceof ProviderError };
  }
}

/** Base64, the metadata service's answer, `workerIdentityProof`, or an array of either. */
function documentsIn(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new ExitError(EXIT.bad, `cannot read ${file} (${(error as NodeJS.ErrnoException).code})`);
  }
  if (!/^[[{]/.test(text)) return [text];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ExitError(EXIT.bad, `${file} looks like JSON and is none`);
  }
  const entries = [value].flat();
  if (entries.length === 0) throw new ExitError(EXIT.bad, `${file} holds no document`);
  return entries.map((entry: unknown) => {
    const { signature, document } = (entry ?? {}) as Record<string, unknown>;
    const found = document ?? signature;
    if (typeof found === 'string') return found;
    throw new ExitError(EXIT.bad, `${file} has no "signature", as the metadata service answers, and no "document"`);
  });
}

try {
  await new Command('npm run azure:attested --')
    .description(
      'Shows what an attested document of Azure says, who signed it, and whether the worker manager believes it.',
    )
    .argument('<file>', 'the metadata service’s answer, or the base64 out of it')
    .option('--trusted-roots <file>', 'PEM, as trustedRoots of the configuration')
    .option('--trusted-intermediates <file>', 'PEM, as trustedIntermediates of the configuration')
    .addHelpText(
      'after',
      `
Missing intermediates are fetched from the address in the signer’s certificate, from known hosts only.
Ends with 0 when the document holds at its own time, 1 when not, 2 when an intermediate cannot be fetched.
docs/how-to/azure-identity.md says how to get a document.`,
    )
    .action(showDocuments)
    .parseAsync();
} catch (error) {
  if (error instanceof ProviderConfigError) console.error(`${error.key}: ${error.message}`);
  else if (error instanceof ExitError || error instanceof IdentityError) console.error(error.message);
  else throw error;
  process.exitCode = EXIT.bad;
}
