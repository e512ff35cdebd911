import { useEffect, useRef } from 'preact/hooks';
import { useAddress } from '../address.js';
import {
  changeAfter,
  changeBefore,
  type Explanation,
  type Range,
  rangeOf,
  ranges,
  whyOfCause,
  windowOf,
} from '../causes.js';
import { apiAddress, call } from '../client.js';
import { count, dateAndTime, duration } from '../format.js';
import { listenToArrows } from '../keys.js';
import { Candidates } from '../parts/candidates.js';
import { Facts, Failure, Loading, Needs, useTitle, When } from '../parts/small.js';
import { Strip } from '../parts/strip.js';
import { WhyWord } from '../parts/why.js';
import { useReading, useResource } from '../resource.js';
import { explainCall, poolPage } from '../urls.js';

/** A strip is of many instants. */
const STRIP_INTERVAL_MS = 15_000;

/** Why a queue had, or had not, got a machine at an instant: now, or the one of the address. */
export function Why({ queue = '' }: { queue?: string }) {
  useTitle(`Why ${queue}`);
  return (
    <Needs scopes={[`worker-manager:get-worker-pool:${queue}`]}>
      <AtInstant key={queue} queue={queue} />
    </Needs>
  );
}

function AtInstant({ queue }: { queue: string }) {
  const { query, setQuery } = useAddress();
  const at = query['at'];
  const range = rangeOf(query['range']);
  const path = explainCall(queue, { at });
  const { data, failure } = useResource<Explanation>(path, { isPage: true });
  // It says itself of when it is: it stays until the next has come.
  const found = useLast(data.value);
  const { strip, isLive } = useStrip(queue, at, range);
  const goTo = (instant: string | undefined) => setQuery({ at: instant });
  return (
    <>
      <div class="headline">
        <h1>Why {queue}</h1>
        <span class="actions">
          <a href={poolPage(queue)}>Its pool</a>
          <a href={apiAddress(path)}>JSON</a>
        </span>
      </div>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <AtField at={at} onAt={goTo} />
        <RangeField range={range} onRange={(text) => setQuery({ range: text })} />
        {strip && <Steps strip={strip} at={at} isLive={isLive} onAt={goTo} />}
      </form>
      {strip && <Strip segments={strip} at={at ?? strip.at(-1)!.to} onAt={goTo} />}
      {found ? <Explained of={found} /> : failure.value ? null : <Loading />}
      <Failure of={failure.value} />
    </>
  );
}

function useLast<T>(value: T | null): T | null {
  const last = useRef<T | null>(null);
  last.current = value ?? last.current;
  return last.current;
}

function useStrip(queue: string, at: string | undefined, range: Range) {
  const { isLive } = windowOf(at, range, Date.now());
  const read = () => {
    const { from, to } = windowOf(at, range, Date.now());
    return call<Explanation>('GET', explainCall(queue, { from, to }));
  };
  const key = `${queue} ${range} ${isLive ? 'up to now' : at}`;
  const { data } = useReading(key, read, { intervalMs: STRIP_INTERVAL_MS });
  return { strip: useLast(data.value)?.strip, isLive };
}

/** An instant in UTC, to the second; empty: now. */
const AtField = ({ at, onAt }: { at: string | undefined; onAt: (at: string | undefined) => void }) => (
  <label>
    At (UTC){' '}
    <input
      type="datetime-local"
      step="1"
      value={at?.slice(0, 19) ?? ''}
      onChange={({ currentTarget: { value } }) =>
        onAt(value === '' ? undefined : `${value.length === 16 ? `${value}:00` : value}Z`)
      }
    />
  </label>
);

const RangeField = ({ range, onRange }: { range: Range; onRange: (range: string) => void }) => (
  <label>
    Range{' '}
    <select value={range} onChange={({ currentTarget }) => onRange(currentTarget.value)}>
      {Object.keys(ranges).map((each) => (
        <option key={each}>{each}</option>
      ))}
    </select>
  </label>
);

interface StepsProps {
  readonly strip: NonNullable<Explanation['strip']>;
  readonly at: string | undefined;
  /** Whether the strip ends now. */
  readonly isLive: boolean;
  readonly onAt: (at: string | undefined) => void;
}

/** One change back or on, also by the arrow keys; from the ends of the strip into the time beyond them. */
function Steps({ strip, at, isLive, onAt }: StepsProps) {
  const end = strip.at(-1)!.to;
  const left = () => onAt(changeBefore(strip, at ?? end) ?? strip[0]!.from);
  const right = () => onAt(at && (changeAfter(strip, at) ?? (isLive ? undefined : end)));
  useEffect(() => listenToArrows({ left, right }));
  return (
    <span class="actions">
      <button type="button" onClick={left}>
        ◀ change
      </button>
      <button type="button" onClick={right}>
        change ▶
      </button>
      <button type="button" onClick={() => onAt(undefined)}>
        Now
      </button>
    </span>
  );
}

function Explained({ of }: { of: Explanation }) {
  const { sentence, cause, certainty, at, since, until, also, nextChange, inputs, arithmetic, evidence } = of;
  return (
    <>
      <p class="sentence">{sentence}</p>
      {also.length > 0 && (
        <ul>
          {also.map((each) => (
            <li key={each.cause}>Also: {each.sentence}</li>
          ))}
        </ul>
      )}
      <Facts
        of={[
          ['Cause', <WhyWord of={whyOfCause(cause)} />],
          ['Certainty', certainty],
          ['At', <When at={at} />],
          ['Since', since === null ? '–' : <When at={since} />],
          ['Until', until === null ? '–' : <When at={until} />],
          ['Next', nextChange === null ? '–' : `${nextChange.what} at ${dateAndTime(nextChange.at)}`],
        ]}
      />
      {inputs !== null && <Inputs of={inputs} />}
      {arithmetic.length > 0 && (
        <>
          <h2>Arithmetic</h2>
          <ul class="plain">
            {arithmetic.map(({ name, text, value }) => (
              <li key={name}>
                {name} = {text === String(value) ? text : `${text} = ${value}`}
              </li>
            ))}
          </ul>
        </>
      )}
      <Candidates workerPoolId={of.subject} of={of.candidates} />
      <Evidence of={evidence} />
    </>
  );
}

function Inputs({ of: { ageMs, ...counts } }: { of: NonNullable<Explanation['inputs']> }) {
  return (
    <>
      <h2>Inputs{ageMs !== null && `, polled ${duration(ageMs)} before`}</h2>
      <Facts of={Object.entries(counts).map(([name, value]) => [inWords(name), count(value)] as const)} />
    </>
  );
}

/** `pendingTasks` → `Pending tasks`. */
const inWords = (name: string): string =>
  name.charAt(0).toUpperCase() + name.slice(1).replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** The rows that the answer rests on. */
function Evidence({ of }: { of: Explanation['evidence'] }) {
  if (of.length === 0) return null;
  return (
    <>
      <h2>Evidence</h2>
      <ul class="plain">
        {of.map(({ kind, id, at, href }) => (
          <li key={`${kind} ${id}`}>
            {href === null ? `${kind} ${id}` : <a href={href}>{`${kind} ${id}`}</a>} at {dateAndTime(at)}
          </li>
        ))}
      </ul>
    </>
  );
}
