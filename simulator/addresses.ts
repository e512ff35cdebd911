/** A machine's or an interface's address in a network of this first number, by its place in the order of creation. */
export const addressIn = (network: number, sequence: number): string =>
  `${network}.${(sequence >> 16) & 0xff}.${(sequence >> 8) & 0xff}.${sequence & 0xff}`;
