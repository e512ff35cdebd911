export interface AuthClient {
  readonly accessToken: string;
  readonly scopes: readonly string[];
  /** Epoch milliseconds; null: never. */
  readonly expiresMs: number | null;
  readonly disabled: boolean;
}

/** Answered in place of what authenticateHawk would say. */
export interface OtherAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Clients and roles of a deployment, as its auth service knows them. */
export class AuthClients {
  readonly #clients = new Map<string, AuthClient>();
  readonly #roles = new Map<string, readonly string[]>();
  otherAnswer: OtherAnswer | null = null;

  put(clientId: string, client: AuthClient): void {
    this.#clients.set(clientId, client);
  }

  has(clientId: string): boolean {
    return this.#clients.has(clientId);
  }

  remove(clientId: string): boolean {
    return this.#clients.delete(clientId);
  }

  /** Scopes are fully expanded. Throws for one that may do nothing. */
  find(clientId: string, nowMs: number): AuthClient {
    const client = this.#clients.get(clientId);
    if (!client) throw new Error(`Client with clientId '${clientId}' not found`);
    if (client.disabled) throw new Error(`Client with clientId '${clientId}' is disabled`);
    if (client.expiresMs !== null && client.expiresMs <= nowMs) {
      throw new Error(`Client with clientId: '${clientId}' has expired`);
    }
    return { ...client, scopes: this.expand(client.scopes) };
  }

  putRole(roleId: string, scopes: readonly string[]): void {
    this.#roles.set(roleId, scopes);
  }

  /** With the scopes of every role that is assumed, directly or by another role. */
  expand(scopes: readonly string[]): string[] {
    const expanded = new Set(scopes);
    // A set gives what is added while it is walked through.
    for (const scope of expanded) {
      for (const [roleId, ofRole] of this.#roles)
        if (assumes(scope, roleId)) ofRole.forEach((each) => expanded.add(each));
    }
    return [...expanded].sort();
  }

  clear(): void {
    this.#clients.clear();
    this.#roles.clear();
    this.otherAnswer = null;
  }
}

/** A star at the end of either stands for whatever may follow. */
function assumes(scope: string, roleId: string): boolean {
  const role = `assume:${roleId}`;
  if (scope.endsWith('*') && role.startsWith(scope.slice(0, -1))) return true;
  return role.endsWith('*') ? scope.startsWith(role.slice(0, -1)) : scope === role;
}

const satisfies = (scope: string, want: string): boolean =>
  scope === want || (scope.endsWith('*') && want.startsWith(scope.slice(0, -1)));

export const satisfiesAll = (have: readonly string[], wanted: readonly string[]): boolean =>
  wanted.every((want) => have.some((scope) => satisfies(scope, want)));

/** What both say: of two scopes of which one satisfies the other, the narrower. */
export const intersectionOf = (some: readonly string[], others: readonly string[]): string[] => [
  ...new Set([
    ...some.filter((scope) => satisfiesAll(others, [scope])),
    ...others.filter((scope) => satisfiesAll(some, [scope])),
  ]),
];
