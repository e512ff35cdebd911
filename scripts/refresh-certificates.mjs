/**
 * Refreshes the clouds' public certificates that the product ships, from copies that you saved of the published pages:
 *
 *     node scripts/refresh-certificates.mjs amazon PAGE             the EC2 User Guide's "regions-certs" page, as HTML
 *                                                                   or text, or JSON {region: {rsa: PEM}}
 *     node scripts/refresh-certificates.mjs microsoft PAGE FILE…    "Azure Certificate Authority details", as HTML or
 *                                                                   text, and the certificates (PEM or DER) that it
 *                                                                   links to
 *
 * `--date YYYY-MM-DD` says when the page was saved (default: today). A region that the new page lacks keeps what it
 * has. Of Microsoft's, a file whose SHA-1 thumbprint is not on the page is refused, unless `--trust SHA256` names it;
 * certificates that have expired are left out. Read `git diff` before you commit: these files decide which machines are
 * believed.
 */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureNode, fail, projectRoot, say } from './node.mjs';

export const amazonFile = 'providers/aws/identity-certificates.json';
export const microsoftFile = 'providers/azure/identity/certificates.json';
const amazonSource = 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/regions-certs.html';
const microsoftSource = 'https://learn.microsoft.com/azure/security/fundamentals/azure-ca-details';

const pem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * `{region: {rsa: PEM}}` of a saved page. A region's name stands above its certificates, and "RSA" above the one that
 * counts.
 */
export function amazonCertificates(text) {
  if (text.trimStart().startsWith('{')) {
    const regions = Object.entries(JSON.parse(text));
    return Object.fromEntries(regions.map(([region, { rsa }]) => [region, { rsa: normalized(rsa) }]));
  }
  const regions = {};
  let region = null;
  let kind = null;
  const parts =
    /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----|\b[a-z]{2}(?:-[a-z]+)+-\d\b|^\s*(?:DSA|RSA(?:-2048)?)\s*$/gm;
  for (const [part] of withoutTags(text).matchAll(parts)) {
    if (part.startsWith('-----')) {
      if (region && kind === 'RSA') regions[region] ??= { rsa: normalized(part) };
    } else if (/^\s*(DSA|RSA)/.test(part)) kind = part.trim();
    else region = part;
  }
  return regions;
}

/** Tags end lines, as they do on the page. */
const withoutTags = (html) =>
  html.replaceAll(/<[^>]*>/g, '\n').replaceAll(/&(?:#8211|ndash|#8212|mdash|nbsp|#160);/g, ' ');

/**
 * `{roots, intermediates}` in PEM. Throws for a certificate that is neither on the page nor named in `trusted` (SHA-256
 * fingerprints), or that is no authority's.
 */
export function microsoftCertificates(page, files, { trusted, nowMs }) {
  const thumbprints = new Set(
    withoutTags(page)
      .match(/\b[0-9a-fA-F]{40}\b/g)
      ?.map((each) => each.toUpperCase()),
  );
  const named = new Set(trusted.map(hex));
  const roots = [];
  const intermediates = [];
  for (const { name, bytes } of files) {
    const certificate = new X509Certificate(bytes);
    const isPublished = thumbprints.has(hex(certificate.fingerprint)) || named.has(hex(certificate.fingerprint256));
    if (!isPublished) throw new Error(`${name} is not on the page; its SHA-256 is ${hex(certificate.fingerprint256)}`);
    if (!certificate.ca) throw new Error(`${name} is no authority's certificate`);
    if (certificate.validToDate.getTime() < nowMs) continue;
    (certificate.checkIssued(certificate) ? roots : intermediates).push(certificate);
  }
  const sorted = (list) => list.map((each) => normalized(each.toString())).sort();
  return { roots: sorted(roots), intermediates: sorted(intermediates) };
}

const hex = (fingerprint) => fingerprint.replaceAll(':', '').toUpperCase();

/** One form of the same certificate. */
function normalized(text) {
  const [found] = text.match(pem) ?? [];
  if (!found) throw new Error('not a certificate in PEM');
  return new X509Certificate(found).toString();
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { date: { type: 'string' }, trust: { type: 'string', multiple: true, default: [] } },
  });
  const [cloud, page, ...files] = positionals;
  if (!page || !['amazon', 'microsoft'].includes(cloud)) {
    fail('node scripts/refresh-certificates.mjs amazon PAGE | microsoft PAGE FILE… (see the head of the script)');
  }
  const retrieved = values.date ?? new Date().toISOString().slice(0, 10);
  const text = readFileSync(page, 'utf8');
  if (cloud === 'amazon') {
    const path = join(projectRoot, amazonFile);
    const before = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).regions : {};
    const found = amazonCertificates(text);
    const regions = Object.fromEntries(Object.entries({ ...before, ...found }).sort(([a], [b]) => (a < b ? -1 : 1)));
    write(amazonFile, { source: amazonSource, retrieved, regions });
    say(`${Object.keys(found).length} regions on the page, ${Object.keys(regions).length} in all`);
  } else {
    const given = files.map((name) => ({ name, bytes: readFileSync(name) }));
    const { roots, intermediates } = microsoftCertificates(text, given, { trusted: values.trust, nowMs: Date.now() });
    write(microsoftFile, { source: microsoftSource, retrieved, roots, intermediates });
    say(`${roots.length} roots, ${intermediates.length} intermediates`);
  }
}

const write = (path, value) => writeFileSync(join(projectRoot, path), `${JSON.stringify(value, null, 2)}\n`);

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await ensureNode();
  try {
    main();
  } catch (error) {
    fail(error.message);
  }
}
