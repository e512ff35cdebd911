import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ApiFailure } from '../client.js';
import { age, dateAndTime } from '../format.js';
import { now } from '../freshness.js';
import { may } from '../session.js';

/** Shown only when the data takes that long. */
const SKELETON_MS = 300;

export function Loading() {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), SKELETON_MS);
    return () => clearTimeout(timer);
  }, []);
  return <p class="skeleton">{isLate ? 'Loading…' : ''}</p>;
}

/** What the API said; data that came before stays where it is. */
export function Failure({ of }: { of: ApiFailure | null }) {
  return of && <p role="alert">{of.message}</p>;
}

/** What the caller may not see is not asked for. */
export function Needs({ scopes, children }: { scopes: readonly string[]; children: ComponentChildren }) {
  const missing = scopes.filter((scope) => !may(scope));
  if (missing.length === 0) return <>{children}</>;
  return <p role="alert">This page needs scopes that you do not have: {missing.join(', ')}</p>;
}

/** An instant with its age. */
export function Since({ at }: { at: string | null | undefined }) {
  if (at === null || at === undefined) return <>–</>;
  return (
    <time dateTime={at} title={`${dateAndTime(at)} UTC`}>
      {age(at, now.value)}
    </time>
  );
}

export function When({ at }: { at: string }) {
  return <time dateTime={at}>{dateAndTime(at)}</time>;
}

/** Facts with their names. */
export function Facts({ of }: { of: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Worker manager`;
  }, [title]);
}
