import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';

export interface DeploymentOnPort80 {
  /** Without a port. */
  readonly rootUrl: string;
  /** Method and path of each call, in the order in which they came. */
  readonly calls: string[];
  close(): Promise<void>;
}

/**
 * A deployment at the usual port, for tools that take no other: forwards calls to `apiUrl`, as they came. Every process
 * has an address of its own, so that test files can run side by side.
 */
export async function startDeploymentOnPort80(apiUrl: string): Promise<DeploymentOnPort80> {
  const host = `127.80.${(process.pid >> 8) & 255}.${process.pid & 255}`;
  const calls: string[] = [];
  const server = createServer((incoming, response) => {
    const path = incoming.url ?? '/';
    calls.push(`${incoming.method} ${path}`);
    forward(new URL(path, apiUrl), incoming, response);
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (error: NodeJS.ErrnoException) =>
    reject(
      error.code === 'EACCES' ? new Error('this test needs the right to listen on port 80', { cause: error }) : error,
    ),
  );
  server.listen(80, host, resolve);
  await promise;
  return {
    rootUrl: `http://${host}`,
    calls,
    close: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function forward(url: URL, incoming: IncomingMessage, response: ServerResponse): void {
  const { method, headers } = incoming;
  const onward = httpRequest(url, { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  incoming.pipe(onward);
}
