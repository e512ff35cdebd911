import forge from 'node-forge';

const { asn1 } = forge;

/** A node of parsed DER. */
export type Node = forge.asn1.Asn1;
/** X.690 numbers; the class comes in bits 7 and 8. */
export const UNIVERSAL = 0x00;
export const CONTEXT = 0x80;
export const { SEQUENCE, SET, OCTETSTRING, OID, BOOLEAN, INTEGER } = asn1.Type;

/** Throws for anything that is not one whole DER value, and for one that is nested more than 256 deep. */
export function parseDer(bytes: Buffer): Node {
  return asn1.fromDer(bytes.toString('latin1'));
}

/** The bytes of a node as DER again. */
export const derOf = (node: Node): Buffer => Buffer.from(asn1.toDer(node).getBytes(), 'latin1');

export const is = (node: Node | undefined, tagClass: number, type: number): node is Node =>
  node !== undefined && Number(node.tagClass) === tagClass && Number(node.type) === type;

/** The parts of a constructed node of this tag. Throws when it is not one. */
export function parts(node: Node | undefined, tagClass: number, type: number): Node[] {
  if (!is(node, tagClass, type) || !node.constructed || !Array.isArray(node.value)) throw new Error('unexpected tag');
  return node.value;
}

/** The content of a primitive node of this universal type. Throws when it is not one. */
export function content(node: Node | undefined, type: number): Buffer {
  if (!is(node, UNIVERSAL, type) || node.constructed || typeof node.value !== 'string') {
    throw new Error('unexpected tag');
  }
  return Buffer.from(node.value, 'latin1');
}

/** Dotted, such as `2.5.29.19`. */
export const oidOf = (node: Node | undefined): string => asn1.derToOid(content(node, OID).toString('latin1'));
