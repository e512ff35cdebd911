import { useLocation } from 'preact-iso/router';
import { withQuery } from './urls.js';

type Query = Readonly<Record<string, string | undefined>>;

/** The address of the page: filters and orders stand in its query, so that a view can be sent to somebody. */
export function useAddress(): {
  readonly query: Query;
  /** Replaces these keys; going back does not stop at each of them. */
  readonly setQuery: (changed: Query) => void;
} {
  const { url, route } = useLocation();
  const { pathname, searchParams } = new URL(url, location.origin);
  const query: Query = Object.fromEntries(searchParams);
  return { query, setQuery: (changed) => route(withQuery(pathname, { ...query, ...changed }), true) };
}
