/** Members of requests, by the path to them; whatever shape they were sent in. */

type Members = Record<string, unknown>;

/** An object inside parameters of unknown shape; empty when there is none. */
export const objectAt = (value: unknown, ...path: string[]): Members => {
  let at: unknown = value;
  for (const name of path) at = typeof at === 'object' && at !== null ? (at as Members)[name] : undefined;
  return typeof at === 'object' && at !== null ? (at as Members) : {};
};

export const listAt = (value: unknown, ...path: string[]): Members[] => {
  const last = path.at(-1) ?? '';
  const list = objectAt(value, ...path.slice(0, -1))[last];
  return Array.isArray(list) ? (list as Members[]) : [];
};

export const textAt = (value: unknown, ...path: string[]): string | null => {
  const text = objectAt(value, ...path.slice(0, -1))[path.at(-1) ?? ''];
  return typeof text === 'string' ? text : null;
};
