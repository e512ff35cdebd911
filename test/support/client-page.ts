import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import type { Credentials } from 'taskcluster-client';
import { startChromium } from '../../dev/testing/chromium.js';
import { runProgram } from '../../dev/servers/tool-cache.js';
import type { ClientProgram, ProgramAnswer, ProgramCall } from './client-programs.js';
import { scriptedServer } from './scripted-server.js';

const bundler = new URL('./browser/bundle.mjs', import.meta.url).pathname;
/** npm's `taskcluster-client-web` in a page of another origin, as `window.taskcluster`. */
export interface ClientPage extends Omit<ClientProgram, 'stop'> {
  readonly page: Page;
  /** Where the page is from. */
  readonly url: string;
  stop(): Promise<void>;
}

/** In a Chromium of its own. */
export async function openClientPage(): Promise<ClientPage> {
  const client = await bundledClient();
  const server = await scriptedServer(({ url }, response) => {
    const isClient = url === '/client.js';
    response.writeHead(200, { 'content-type': isClient ? 'text/javascript' : 'text/html; charset=utf-8' });
    response.end(isClient ? client : '<!doctype html><title>Pools</title><script src="/client.js"></script>');
  });
  const browser = await startChromium();
  const page = await browser.newPage();
  const url = `${server.url}/`;
  await page.goto(url);
  return {
    page,
    url,
    call: (call) => page.evaluate(callInPage, call),
    temporary: ({ clientId, accessToken }, scopes, name) =>
      page.evaluate(temporaryInPage, { clientId, accessToken, scopes, name }),
    stop: async () => {
      await browser.close();
      await server.close();
    },
  };
}

async function bundledClient(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'client-web-'));
  try {
    await runProgram(process.execPath, [bundler, folder]);
    return readFileSync(join(folder, 'client.js'), 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface ClientOfPages {
  readonly [method: string]: (...args: readonly unknown[]) => Promise<unknown>;
}
/** What the page's script has. */
interface PageGlobals {
  readonly taskcluster: {
    readonly WorkerManager: new (options: object) => ClientOfPages;
    createTemporaryCredentials(options: object): Credentials;
  };
}
interface PageError extends Error {
  readonly response?: { readonly status: number };
  readonly body?: { readonly code?: string };
}

/* What follows runs in the page, and sees nothing of this file. */

async function callInPage({ kind, method, args, ...options }: ProgramCall): Promise<ProgramAnswer> {
  const { WorkerManager } = (globalThis as unknown as PageGlobals).taskcluster;
  try {
    const client = new WorkerManager({ ...options, retries: 0 });
    const value = kind === 'signed' ? client.buildSignedUrl!(client[method], ...args) : client[method]!(...args);
    return { value: await value };
  } catch (error) {
    const { message, response, body } = error as PageError;
    return { status: response?.status ?? null, code: body?.code, failure: message };
  }
}

async function temporaryInPage(wanted: {
  clientId: string;
  accessToken: string;
  scopes: readonly string[];
  name: string | undefined;
}): Promise<Credentials> {
  const { clientId, accessToken, scopes, name } = wanted;
  return (globalThis as unknown as PageGlobals).taskcluster.createTemporaryCredentials({
    ...(name !== undefined && { clientId: name }),
    start: new Date(Date.now() - 5 * 60_000),
    expiry: new Date(Date.now() + 60 * 60_000),
    scopes,
    credentials: { clientId, accessToken },
  });
}
