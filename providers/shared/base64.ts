/**
 * The bytes of base64 that may be broken into lines; null for anything else. It takes time in proportion to the text:
 * whoever sends it is unknown, and one pattern for white space and characters together would try every way to divide
 * them.
 */
export function bytesOfBase64(text: string): Buffer | null {
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text.replace(/\s+/g, '')) ? Buffer.from(text, 'base64') : null;
}
