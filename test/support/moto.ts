import { startPythonServer, type RunningServer } from './python-server.js';

export type Moto = RunningServer;

/** Starts moto, an EC2 that nobody here wrote. */
export const startMoto = (): Promise<Moto> =>
  startPythonServer({
    program: 'moto_server',
    requirement: 'moto[server]==5.2.5',
    args: (port) => ['-H', '127.0.0.1', '-p', String(port)],
    env: { MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION: '1' },
    path: '/moto-api/',
  });
