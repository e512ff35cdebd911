import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import { notFound } from '../http/errors.js';

/**
 * The dashboard: a page that holds no data, and the files of its bundle, all served from memory. Whatever it shows it
 * gets through the API, as any other client.
 */

/** Beside what is compiled; or where the build left it, for what runs from its sources. */
const FOLDERS = ['../../dashboard/', '../../dist/dashboard/'].map((path) => new URL(path, import.meta.url));

/** Its script, its style and its data come from this server, and it is in nobody's frame. */
const CONTENT_SECURITY_POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Addresses that the page's own router knows (dashboard/app.tsx). */
const PAGES = ['/', '/pools/*', '/why/*', '/errors', '/providers', '/charts', '/audit', '/holds', '/new'];

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

interface Asset {
  readonly type: string;
  readonly content: Buffer;
  readonly brotli: Buffer;
}

const NOT_BUILT =
  '<!doctype html><title>Worker manager</title><p>The dashboard is not built: <code>npm run build</code>.';

export function addDashboard(app: FastifyInstance): void {
  const { page, assets } = readBundle();
  const options = { schema: { hide: true }, config: { operation: 'dashboard', isPublic: true } };
  for (const path of PAGES) {
    app.get(path, options, (_request, reply) =>
      reply
        .headers({ 'content-security-policy': CONTENT_SECURITY_POLICY, 'referrer-policy': 'same-origin' })
        .type('text/html; charset=utf-8')
        .send(page),
    );
  }
  app.get<{ Params: { name: string } }>('/assets/:name', options, ({ params, headers }, reply) => {
    const asset = assets.get(params.name);
    if (!asset) throw notFound('There is no such file.');
    const isBrotli = /\bbr\b/.test(String(headers['accept-encoding'] ?? ''));
    return reply
      .headers({
        // Its name changes with its content.
        'cache-control': 'public, max-age=31536000, immutable',
        vary: 'accept-encoding',
        ...(isBrotli && { 'content-encoding': 'br' }),
      })
      .type(asset.type)
      .send(isBrotli ? asset.brotli : asset.content);
  });
}

function readBundle(): { readonly page: string; readonly assets: ReadonlyMap<string, Asset> } {
  const folder = FOLDERS.find((each) => existsSync(new URL('index.html', each)));
  if (folder === undefined) return { page: NOT_BUILT, assets: new Map() };
  const read = (name: string) => readFileSync(new URL(name, folder));
  const names = readdirSync(fileURLToPath(folder)).filter((name) => extname(name) in types);
  const assetOf = (name: string): Asset => ({
    type: types[extname(name)]!,
    content: read(name),
    brotli: read(`${name}.br`),
  });
  return { page: read('index.html').toString('utf8'), assets: new Map(names.map((name) => [name, assetOf(name)])) };
}
