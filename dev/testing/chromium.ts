import { existsSync } from 'node:fs';
import type { Browser } from 'playwright-core';

const program = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

const flags = ['no-sandbox', 'disable-gpu', 'disable-quic', 'no-first-run', 'disable-background-networking'];
const moreFlags = ['disable-component-update', 'disable-sync'];

export async function startChromium(): Promise<Browser> {
  // Loaded where it is used: it is large, and most runs of the files that may start a browser do not.
  const { chromium } = await import('playwright-core');
  return chromium.launch({
    executablePath: program,
    args: [...flags, ...moreFlags].map((flag) => `--${flag}`),
  });
}

export const hasChromium = (): boolean => existsSync(program);
