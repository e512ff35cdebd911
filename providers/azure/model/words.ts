/**
 * Whether it is this word of an enumeration. Azure takes and gives these in any case: published definitions say `spot`,
 * and its own clients compare without it.
 */
export const isWord = (value: unknown, word: string): boolean =>
  typeof value === 'string' && value.toLowerCase() === word.toLowerCase();
