import fc from 'fast-check';

/**
 * Ways to change an attested document (base64 of DER) so that it cannot hold any more, or be anything at all. Azure's
 * documents have fields that nothing is decided by, such as the names of algorithms: those of `own` stay as they are.
 */

const bytesOf = (document: string): Buffer => Buffer.from(document, 'base64');
const textOf = (bytes: Buffer): string => bytes.toString('base64');

/** What the document says, and where in its bytes. */
export function signedTextOf(document: string): { readonly text: string; readonly from: number; readonly to: number } {
  const found = /\{"licenseType".*?"vmId":"[^"]*"\}/s.exec(bytesOf(document).toString('latin1'));
  if (!found) throw new Error('the document says nothing');
  const [text] = found;
  return { text, from: found.index, to: found.index + text.length };
}

/** RSA 2048; it is the last part of the document. */
const SIGNATURE_BYTES = 256;

/** One bit is another. */
export function flipped(
  document: string,
  where: 'everything' | 'what is signed and the signature',
): fc.Arbitrary<string> {
  const bytes = bytesOf(document);
  const range = (first: number, end: number) => fc.integer({ min: first, max: end - 1 });
  const whole = range(0, bytes.length);
  const { from, to } = signedTextOf(document);
  const at =
    where === 'everything' ? whole : fc.oneof(range(from, to), range(bytes.length - SIGNATURE_BYTES, bytes.length));
  return fc.tuple(at, fc.integer({ min: 0, max: 7 })).map(([index, bit]) => {
    const changed = Buffer.from(bytes);
    changed[index]! ^= 1 << bit;
    return textOf(changed);
  });
}

/** Cut off, with something more at its end, or with a part of it at another place. */
export function spliced(document: string): fc.Arbitrary<string> {
  const bytes = bytesOf(document);
  const position = fc.integer({ min: 1, max: bytes.length - 1 });
  return fc.oneof(
    position.map((end) => textOf(bytes.subarray(0, end))),
    fc.uint8Array({ minLength: 1, maxLength: 300 }).map((more) => textOf(Buffer.concat([bytes, more]))),
    fc.tuple(position, position, position).map(([from, to, target]) => {
      const changed = Buffer.from(bytes);
      bytes.copy(changed, target, Math.min(from, to), Math.max(from, to));
      return textOf(changed);
    }),
  );
}

/** Lengths that say something else than what follows: too little, too much, far too much, or nothing. */
export function otherLengths(document: string): fc.Arbitrary<string> {
  const bytes = bytesOf(document);
  // 0x82: the two bytes that follow are a length.
  const places = [...bytes.keys()].filter((index) => bytes[index] === 0x82);
  return fc
    .tuple(fc.constantFrom(...places), fc.constantFrom(0x80, 0x81, 0x82, 0x83, 0x84, 0x88, 0xff), fc.nat(0xffff))
    .map(([index, form, length]) => {
      const changed = Buffer.from(bytes);
      changed[index] = form;
      changed.writeUInt16BE(length, Math.min(index + 1, changed.length - 2));
      return textOf(changed);
    });
}

/** With characters that base64 does not have, or that end it too early. */
export function mangledBase64(document: string): fc.Arbitrary<string> {
  const noise = fc.constantFrom('-', '_', '%', '"', '\\', ',', '=', '\u00e4', '\u2028', '\u{1f600}', '<', '&');
  return fc
    .tuple(fc.integer({ min: 0, max: document.length - 4 }), noise)
    .map(([index, character]) => `${document.slice(0, index)}${character}${document.slice(index + 1)}`);
}

/** The same bytes in other forms, other parts of them, and nothing. */
export function wrongForms(document: string): string[] {
  const bytes = bytesOf(document);
  const lines = document.match(/.{1,64}/g)!.join('\n');
  return [
    '',
    ' ',
    '=',
    'null',
    ...['PKCS7', 'CMS', 'CERTIFICATE'].map((label) => `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`),
    bytes.toString('latin1').replaceAll('\0', ' '),
    bytes.toString('hex'),
    textOf(Buffer.from(document)),
    textOf(Buffer.from(`-----BEGIN PKCS7-----\n${lines}\n-----END PKCS7-----\n`)),
    textOf(Buffer.from(signedTextOf(document).text)),
    encodeURIComponent(document),
    JSON.stringify({ document }),
    `data:application/pkcs7-mime;base64,${document}`,
  ];
}

/** ASN.1 of about `size` bytes that nests without end, or claims to be huge. */
export function nested(size: number): string[] {
  return [0x30, 0x31, 0x03, 0x04, 0x24, 0xa0].flatMap((tag) => [
    textOf(Buffer.alloc(size, Buffer.from([tag, 0x80]))),
    textOf(wrapped(tag, size)),
    textOf(Buffer.from([tag, 0x84, 0x7f, 0xff, 0xff, 0xff])),
    textOf(Buffer.from([tag, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
  ]);
}

function wrapped(tag: number, size: number): Buffer {
  let bytes: Buffer = Buffer.from([5, 0]);
  while (bytes.length < size) {
    const body = tag === 0x03 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
    const header = [tag, 0x82, body.length >> 8, body.length & 0xff];
    bytes = Buffer.concat([Buffer.from(header), body]);
  }
  return bytes;
}
