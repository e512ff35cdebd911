// More of the peer's client: credentials that a holder of an access token makes for somebody else.
declare module 'taskcluster-client' {
  export interface TemporaryCredentials {
    clientId: string;
    accessToken: string;
    /** JSON text. */
    certificate: string;
  }

  /** Throws an AssertionError for a span of more than 31 days. Without `clientId` they are unnamed: the issuer's own. */
  export function createTemporaryCredentials(options: {
    clientId?: string;
    start: Date;
    expiry: Date;
    scopes: string[];
    credentials: { clientId: string; accessToken: string };
  }): TemporaryCredentials;
}
