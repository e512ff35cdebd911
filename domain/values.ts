/** Of values whose type nobody vouches for. */

/** Whether it has members by name: no array, and not null. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What whoever threw it says. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Its first line: some messages hold pages. */
export const firstLineOf = (error: unknown): string => messageOf(error).split('\n', 1)[0]!;
