import { useLocation } from 'preact-iso/router';
import { useState } from 'preact/hooks';
import type { Static } from 'typebox';
import type { poolFull } from '../../api/schemas/pools.js';
import { call } from '../client.js';
import { confirm } from '../parts/dialog.js';
import { Diff } from '../parts/diff.js';
import { DryRunOutcome, useDryRun } from '../parts/dry-run.js';
import { Failure, Loading, useTitle } from '../parts/small.js';
import { useResource } from '../resource.js';
import { poolCall, poolPage } from '../urls.js';

const template = {
  providerId: 'aws',
  description: '',
  owner: 'owner@example.com',
  emailOnError: false,
  config: { minCapacity: 0, maxCapacity: 1, launchConfigs: [] },
};

const textOf = (definition: object): string => JSON.stringify(definition, null, 2);

export function Edit({ pool: workerPoolId = '' }: { pool?: string }) {
  useTitle(`Edit ${workerPoolId}`);
  const { data, failure } = useResource<Static<typeof poolFull>>(poolCall(workerPoolId), { isPage: true });
  if (!data.value) return failure.value ? <Failure of={failure.value} /> : <Loading />;
  const { providerId, description, owner, emailOnError, config } = data.value;
  const before = textOf({ providerId, description, owner, emailOnError, config });
  return (
    <>
      <h1>Edit {workerPoolId}</h1>
      <Editor before={before} workerPoolId={workerPoolId} method="POST" />
    </>
  );
}

export function NewPool() {
  useTitle('New pool');
  const [workerPoolId, setId] = useState('');
  return (
    <>
      <h1>New pool</h1>
      <label>
        Pool id{' '}
        <input
          value={workerPoolId}
          placeholder="project/name"
          onInput={({ currentTarget }) => setId(currentTarget.value)}
        />
      </label>
      <Editor before={textOf(template)} workerPoolId={workerPoolId} method="PUT" />
    </>
  );
}

interface EditorProps {
  /** As it was when editing began; what changes meanwhile is not overwritten by drawing it anew. */
  readonly before: string;
  readonly workerPoolId: string;
  readonly method: 'PUT' | 'POST';
}

function Editor({ before, workerPoolId, method }: EditorProps) {
  const { route } = useLocation();
  const [original] = useState(before);
  const [text, setText] = useState(before);
  const { tried, dryRun } = useDryRun(workerPoolId, text);
  const fault = faultOf(text);
  const isChanged = text !== original;
  const mayBeSaved = tried?.result != null && (method === 'PUT' || isChanged);
  const save = () =>
    confirm({
      title: method === 'PUT' ? `Create the pool ${workerPoolId}?` : `Change the pool ${workerPoolId}?`,
      text:
        original === before ? (
          <Diff before={original} after={text} />
        ) : (
          <p role="alert">Somebody else has changed it meanwhile. Saving replaces that.</p>
        ),
      verb: method === 'PUT' ? 'Create the pool' : 'Save',
      act: async () => {
        await call(method, poolCall(workerPoolId), JSON.parse(text));
        route(poolPage(workerPoolId, 'settings'));
      },
    });
  return (
    <form
      class="editor"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <label>
        Definition, as JSON
        <textarea
          rows={24}
          spellcheck={false}
          value={text}
          aria-invalid={fault !== null}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      {fault !== null && <p role="alert">{fault}</p>}
      {isChanged && fault === null && (
        <section aria-label="Changes">
          <h2>Changes</h2>
          <Diff before={original} after={text} />
        </section>
      )}
      <p class="actions">
        <button type="button" disabled={fault !== null || workerPoolId === ''} onClick={() => void dryRun()}>
          Dry run
        </button>
        <button type="submit" disabled={!mayBeSaved}>
          {method === 'PUT' ? 'Create…' : 'Save…'}
        </button>
      </p>
      <DryRunOutcome of={tried} />
    </form>
  );
}

/** What the API would say of text that is no JSON, at once. */
function faultOf(text: string): string | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? null : 'The definition is no object.';
  } catch (error) {
    return (error as Error).message;
  }
}
