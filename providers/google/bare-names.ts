/**
 * Types that a definition names by a URL of a zone (`zones/Z/machineTypes/T`, also with project and host before it).
 * `bulkInsert` takes bare names only, and answers a URL as if it were out of order.
 */

interface ZonalName {
  readonly zone: string | null;
  readonly name: string;
}

/** Null for what is neither a bare name nor a URL of this kind. */
export function parseZonal(kind: 'machineTypes' | 'diskTypes' | 'acceleratorTypes', text: string): ZonalName | null {
  if (/^[a-z][-a-z0-9]*$/.test(text)) return { zone: null, name: text };
  const [, zone, named, name] = /(?:^|\/)zones\/([-a-z0-9]+)\/(\w+)\/([a-z][-a-z0-9]*)$/.exec(text) ?? [];
  return zone && name && named === kind ? { zone, name } : null;
}

/** The bare name; a text that is none as it is, for `parseZonal` refuses it in a definition. */
export const bareName = (kind: Parameters<typeof parseZonal>[0], text: string): string =>
  parseZonal(kind, text)?.name ?? text;
