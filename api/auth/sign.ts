import hawk from 'hawk';

/** Of a client of Taskcluster; temporary ones have a certificate, as JSON. */
export interface TaskclusterCredentials {
  readonly clientId: string;
  readonly accessToken: string;
  readonly certificate?: string | undefined;
}

/** The Authorization header of a request to this URL, as Taskcluster's own clients make it. */
export function signedBy(
  { clientId: id, accessToken: key, certificate }: TaskclusterCredentials,
  { method, url }: { readonly method: string; readonly url: string },
  nowMs = Date.now(),
): string {
  const ext = certificate && Buffer.from(`{"certificate":${certificate}}`).toString('base64');
  return hawk.client.header(url, method, {
    credentials: { id, key, algorithm: 'sha256' },
    ...(ext && { ext }),
    localtimeOffsetMsec: nowMs - Date.now(),
  }).header;
}
