/** What a request is signed with, as it stands there: nothing of it is proven. */
export interface PresentedSignature {
  readonly scheme: 'hawk' | 'bewit';
  readonly clientId: string;
  /** Base64 of JSON; undefined where there is none. */
  readonly ext: string | undefined;
  /** Seconds since the epoch: when a header was signed, until when a bewit holds. */
  readonly instant: string;
}

export interface Presented {
  /** Path and query as they were sent. */
  readonly url: string;
  readonly authorization: string | undefined;
}

/** The last bewit of a query, as hawk reads it. */
const BEWIT = /^\/.*[?&]bewit=([^&$]*)/;
/** One attribute of a Hawk header, where the one before it ended. */
const ATTRIBUTE = /(\w+)="([^"\\]*)"\s*(?:,\s*|$)/gy;

export const hasBewit = ({ url }: Presented): boolean => BEWIT.test(url);

/** Null for a request that is signed in neither way. */
export function presentedSignature(presented: Presented): PresentedSignature | null {
  const { url, authorization } = presented;
  if (isHawk(authorization)) {
    const attributes = hawkAttributes(authorization);
    const [clientId = '', instant = ''] = [attributes.get('id'), attributes.get('ts')];
    return { scheme: 'hawk', clientId, ext: attributes.get('ext'), instant };
  }
  const bewit = BEWIT.exec(url)?.[1];
  if (bewit === undefined) return null;
  const [clientId = '', instant = '', , ext] = Buffer.from(bewit, 'base64url').toString().split('\\');
  return { scheme: 'bewit', clientId, ext, instant };
}

export const isHawk = (authorization: string | undefined): authorization is string =>
  authorization !== undefined && /^hawk\s/i.test(authorization);

/** The attributes of a Hawk header up to the first that is none; whether it is valid as a whole is for hawk to say. */
export function hawkAttributes(authorization: string): ReadonlyMap<string, string> {
  const attributes = authorization.replace(/^\w+\s+/, '');
  return new Map([...attributes.matchAll(ATTRIBUTE)].map(([, name = '', value = '']) => [name, value]));
}
