import { useState } from 'preact/hooks';
import { useTitle } from '../parts/small.js';
import { me, openSession } from '../session.js';

/** Where callers are known by the configuration's access tokens. */
export function Login() {
  useTitle('Sign in');
  const [token, setToken] = useState('');
  const [failure, setFailure] = useState('');
  const submit = () => openSession(token).catch((error: unknown) => setFailure((error as Error).message));
  if (me.value?.authType === 'taskcluster') {
    return (
      <p class="empty">
        This deployment knows callers by its auth service, and the dashboard has no sessions with it yet. What everybody
        may read is shown; the command line takes credentials.
      </p>
    );
  }
  return (
    <form
      class="login"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h1>Sign in</h1>
      <label>
        Access token{' '}
        <input
          type="password"
          autocomplete="current-password"
          required
          value={token}
          onInput={({ currentTarget }) => setToken(currentTarget.value)}
        />
      </label>
      <p>It is traded for a session of twelve hours, and not kept in this browser.</p>
      {failure !== '' && <p role="alert">{failure}</p>}
      <button type="submit">Sign in</button>
    </form>
  );
}
