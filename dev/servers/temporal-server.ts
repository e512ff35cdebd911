import { join } from 'node:path';
import { cachedTool, runProgram, type OnProgress, type Way } from './tool-cache.js';

/** The one that the command-line program's dev server contains. */
const SERVER_VERSION = '1.29.1';
const MODULE = 'go.temporal.io/server/cmd';

export interface TemporalPrograms {
  readonly server: string;
  /** Makes and updates the tables of a server that stores in SQL. */
  readonly sqlTool: string;
}

/** Temporal's server as clusters run it, without its dev server around it. Needs Go where the cache has none. */
export async function findTemporalServer(onProgress: OnProgress): Promise<TemporalPrograms> {
  const find = async (file: string, program: string) =>
    (await cachedTool(`${file}-${SERVER_VERSION}`, file, [goInstall(program)], onProgress)).path;
  // One after the other: they share most of what is compiled.
  const server = await find('temporal-server', 'server');
  return { server, sqlTool: await find('temporal-sql-tool', 'tools/sql') };
}

const goInstall = (program: string): Way => ({
  how: `go install of ${MODULE}/${program} ${SERVER_VERSION}`,
  estimate: 'about five minutes on two cores, once',
  async fetch(folder) {
    const env = { ...process.env, GOBIN: folder };
    await runProgram('go', ['install', `${MODULE}/${program}@v${SERVER_VERSION}`], { env });
    return join(folder, program.slice(program.lastIndexOf('/') + 1));
  },
});
