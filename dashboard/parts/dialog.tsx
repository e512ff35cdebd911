import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiFailure } from '../client.js';

interface Question {
  /** Names what it is done to. */
  readonly title: string;
  readonly text: ComponentChildren;
  /** What the button says. */
  readonly verb: string;
  /** Of the text that is wanted too; undefined: none. */
  readonly reasonLabel?: string;
  readonly act: (reason: string) => Promise<unknown>;
}

const question = signal<Question | null>(null);
/** What was done last, for those who do not see it. */
export const done = signal('');

/** Asks once before something is changed. */
export function confirm(asked: Question): void {
  question.value = asked;
}

/** Where `confirm` asks; one of the page. */
export function Confirmation() {
  const asked = question.value;
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (asked) dialog.current?.showModal();
  }, [asked]);
  if (!asked) return null;
  return (
    <dialog ref={dialog} aria-labelledby="question" onClose={() => (question.value = null)}>
      <Asked asked={asked} onEnd={() => dialog.current?.close()} />
    </dialog>
  );
}

function Asked({ asked, onEnd }: { asked: Question; onEnd: () => void }) {
  const { title, text, verb, reasonLabel, act } = asked;
  const [reason, setReason] = useState('');
  const [failure, setFailure] = useState('');
  const [isActing, setActing] = useState(false);
  const submit = async () => {
    setActing(true);
    try {
      await act(reason);
      done.value = `${title} Done.`;
      onEnd();
    } catch (error) {
      setFailure(error instanceof ApiFailure ? error.message : String(error));
      setActing(false);
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h2 id="question">{title}</h2>
      <div>{text}</div>
      {reasonLabel !== undefined && (
        <label>
          {reasonLabel}
          <input
            required
            maxLength={1024}
            value={reason}
            onInput={({ currentTarget }) => setReason(currentTarget.value)}
          />
        </label>
      )}
      {failure !== '' && <p role="alert">{failure}</p>}
      <p class="actions">
        <button type="submit" class="danger" disabled={isActing}>
          {verb}
        </button>
        <button type="button" onClick={onEnd}>
          Cancel
        </button>
      </p>
    </form>
  );
}
