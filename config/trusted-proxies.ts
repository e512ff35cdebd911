import { BlockList, isIP } from 'node:net';

/** Configuration `server.trustProxy`: no proxy, how many there are in front of the API, or their networks. */
export type TrustProxy = false | number | readonly string[];

/** Whether an address may say whom it forwards for; `hop` counts from the connection's own peer, which is 0. */
export type TrustsProxy = (address: string, hop: number) => boolean;

export function trustsProxy(setting: TrustProxy): TrustsProxy {
  if (setting === false) return () => false;
  if (typeof setting === 'number') return (_, hop) => hop < setting;
  const networks = new BlockList();
  for (const network of setting) addNetwork(networks, network);
  return (address) => {
    const family = isIP(address);
    return family !== 0 && networks.check(address, family === 4 ? 'ipv4' : 'ipv6');
  };
}

/** An address, or one with the length of its network's prefix. */
export function isNetwork(text: string): boolean {
  const { family, prefix } = parse(text);
  return family !== 0 && prefix >= 1 && prefix <= (family === 4 ? 32 : 128);
}

function addNetwork(networks: BlockList, text: string): void {
  const { address, family, prefix } = parse(text);
  networks.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
}

function parse(text: string): { readonly address: string; readonly family: number; readonly prefix: number } {
  const [address = '', length, ...rest] = text.split('/');
  const family = rest.length > 0 ? 0 : isIP(address);
  if (length === undefined) return { address, family, prefix: family === 4 ? 32 : 128 };
  return { address, family, prefix: /^\d{1,3}$/.test(length) ? Number(length) : NaN };
}
