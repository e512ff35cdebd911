import { startPythonServer, type RunningServer } from './python-server.js';

/** Starts gcplocal, a Compute Engine that nobody here wrote. It knows neither bulk insertions nor filters. */
export const startGcplocal = (): Promise<RunningServer> =>
  startPythonServer({
    program: 'gcplocal',
    requirement: 'gcplocal==0.1.0',
    args: (port) => ['start', '--host', '127.0.0.1', '--port', String(port)],
    path: '/compute/v1/projects/any/zones/any/instances',
  });
