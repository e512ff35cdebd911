import type { Socket } from 'node:net';
import { Channel, type ChannelCredentials } from '@grpc/grpc-js';

/** A server that has accepted a connection answers in milliseconds; one that is being started, in seconds. */
const FIRST_WORD_TIMEOUT_MS = 20_000;

/**
 * Connection options that bound the wait for a server's first word. gRPC waits for ever for it, and makes no other
 * connection meanwhile: a load balancer that once accepted a connection for a dead frontend would stop an API process
 * for good.
 */
export const boundedFirstWord = {
  channelFactoryOverride: (address: string, credentials: ChannelCredentials, options: object) =>
    new Channel(address, bounded(credentials), options),
};

/** The same credentials; each connection made with them is destroyed when nothing has come by it in time. */
function bounded(credentials: ChannelCredentials): ChannelCredentials {
  const createSecureConnector: ChannelCredentials['_createSecureConnector'] = (...args) => {
    const connector = credentials._createSecureConnector(...args);
    const connect = connector.connect.bind(connector);
    connector.connect = (socket) => {
      destroyWhenSilent(socket);
      return connect(socket);
    };
    return connector;
  };
  return Object.create(credentials, { _createSecureConnector: { value: createSecureConnector } }) as ChannelCredentials;
}

function destroyWhenSilent(socket: Socket): void {
  const timer = setTimeout(() => {
    if (socket.bytesRead === 0) socket.destroy(new Error('The server has accepted the connection and said nothing'));
  }, FIRST_WORD_TIMEOUT_MS);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}
