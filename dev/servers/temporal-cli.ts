import { join } from 'node:path';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cachedTool, runProgram, type FoundTool, type OnProgress, type Way } from './tool-cache.js';

/** The last version without a replace directive in its go.mod, which `go install` refuses. */
const CLI_VERSION = '1.5.1';
/**
 * Its server (1.29) is the first that has all that the lifecycles use. Builds by `go install` call themselves 0.0.0.
 */
const OLDEST_CLI = [1, 5, 0] as const;
/** A download that has not begun, or stands still, this long is given up. */
const DOWNLOAD_STALL_MS = 15_000;

/**
 * Finds a Temporal command-line program, which contains the dev server: on the PATH, in the cache, by the SDK's
 * download, by `go install`, in this order. @throws Error that says each way and why it failed
 */
export async function findTemporalCli(onProgress: OnProgress = () => {}): Promise<FoundTool> {
  const onPath = await cliOnPath(onProgress);
  if (onPath) return onPath;
  const file = process.platform === 'win32' ? 'temporal.exe' : 'temporal';
  return cachedTool(
    `temporal-${CLI_VERSION}`,
    file,
    [sdkDownload('dev-server', `v${CLI_VERSION}`), goInstall(file)],
    onProgress,
  );
}

async function cliOnPath(onProgress: OnProgress): Promise<FoundTool | null> {
  const output = await runProgram('temporal', ['--version']).catch(() => null);
  if (output === null) return null;
  const version = /version (\d+)\.(\d+)\.(\d+)/.exec(output)?.slice(1).map(Number) ?? [];
  if (isOldEnoughToRefuse(version)) {
    onProgress(`temporal: the one on the PATH is ${version.join('.')}, older than ${OLDEST_CLI.join('.')}`);
    return null;
  }
  return { path: 'temporal', how: 'on the PATH' };
}

function isOldEnoughToRefuse(version: readonly number[]): boolean {
  if (version.every((part) => part === 0)) return false;
  const differs = OLDEST_CLI.findIndex((part, index) => part !== version[index]);
  return differs !== -1 && (version[differs] ?? 0) < (OLDEST_CLI[differs] ?? 0);
}

export function sdkDownload(kind: 'dev-server' | 'time-skipping', version: string): Way {
  const own = fileURLToPath(import.meta.url);
  const script = join(own, '..', own.endsWith('.ts') ? 'sdk-download.ts' : 'sdk-download.js');
  return {
    how: "the Temporal SDK's download",
    estimate: 'about 50 MB',
    async fetch(folder) {
      const options = { growing: folder, stallMs: DOWNLOAD_STALL_MS };
      await runProgram(process.execPath, [script, kind, version, folder], options);
      const [file] = readdirSync(folder);
      if (!file) throw new Error('it left no file');
      return join(folder, file);
    },
  };
}

const goInstall = (file: string): Way => ({
  how: `go install of Temporal's command-line program ${CLI_VERSION}`,
  estimate: 'about five minutes on two cores, once',
  async fetch(folder) {
    const env = { ...process.env, GOBIN: folder };
    await runProgram('go', ['install', `github.com/temporalio/cli/cmd/temporal@v${CLI_VERSION}`], { env });
    return join(folder, file);
  },
});
