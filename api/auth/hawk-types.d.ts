// hawk ships no types; only what the API and its tests use.
declare module 'hawk' {
  export interface HawkCredentials {
    readonly id?: string;
    readonly key: string;
    readonly algorithm: 'sha1' | 'sha256';
  }

  export interface HawkRequest {
    readonly method: string;
    readonly url: string;
    readonly host: string;
    readonly port: number;
    readonly authorization?: string;
  }

  export interface HawkArtifacts {
    readonly id: string;
    readonly ext?: string;
    readonly hash?: string;
  }

  export interface BewitAttributes {
    readonly id: string;
    readonly ext: string;
  }

  export interface HawkServer {
    authenticate<C extends HawkCredentials>(
      request: HawkRequest,
      credentials: (id: string) => Promise<C | null> | C | null,
      options?: { timestampSkewSec?: number; localtimeOffsetMsec?: number },
    ): Promise<{ credentials: C; artifacts: HawkArtifacts }>;
    authenticateBewit<C extends HawkCredentials>(
      request: HawkRequest,
      credentials: (id: string) => Promise<C | null> | C | null,
      options?: { localtimeOffsetMsec?: number },
    ): Promise<{ credentials: C; attributes: BewitAttributes }>;
  }

  export interface HawkClient {
    header(
      url: string,
      method: string,
      options: {
        credentials: HawkCredentials & { id: string };
        ext?: string;
        localtimeOffsetMsec?: number;
        payload?: string;
        contentType?: string;
        nonce?: string;
      },
    ): { header: string };
    getBewit(
      url: string,
      options: { credentials: HawkCredentials & { id: string }; ttlSec: number; ext?: string },
    ): string;
  }

  const hawk: { server: HawkServer; client: HawkClient };
  export default hawk;
}
