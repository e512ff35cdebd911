/** Scopes are text; one that ends in `*` stands for every scope that begins with what is before the star. */
export function satisfies(have: readonly string[], required: string): boolean {
  return have.some((scope) => scope === required || (scope.endsWith('*') && required.startsWith(scope.slice(0, -1))));
}

/** Of the required scopes, those that are not satisfied. All of them are needed: the API has no either-or. */
export function missingScopes(have: readonly string[], required: readonly string[]): readonly string[] {
  return required.filter((scope) => !satisfies(have, scope));
}
