/**
 * XML written as strings: answers carry up to a thousand machines, and building trees first would double their cost.
 */

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? character);

/** An element around text; nothing at all for null. */
export const element = (name: string, text: string | number | boolean | null): string =>
  text === null ? '' : `<${name}>${escape(String(text))}</${name}>`;

/** An element around elements. */
export const parent = (name: string, ...children: readonly string[]): string =>
  `<${name}>${children.join('')}</${name}>`;

/** EC2's lists: a set of `<item>`s. */
export const set = (name: string, items: readonly string[]): string =>
  parent(name, ...items.map((item) => `<item>${item}</item>`));

export const document = (root: string, ...children: readonly string[]): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">${children.join('')}</${root}>`;

export const errorDocument = (code: string, message: string, requestId: string): string =>
  '<?xml version="1.0" encoding="UTF-8"?>\n' +
  parent(
    'Response',
    parent('Errors', parent('Error', element('Code', code), element('Message', message))),
    element('RequestID', requestId),
  );
