import { useState } from 'preact/hooks';
import { useTitle } from '../parts/small.js';
import { me, openSession } from '../session.js';

interface FieldProps {
  readonly label: string;
  readonly autocomplete: 'username' | 'current-password' | 'off';
  readonly isSecret?: boolean;
  readonly isOptional?: boolean;
  readonly onText: (text: string) => void;
}

function Field({ label, autocomplete, isSecret = false, isOptional = false, onText }: FieldProps) {
  const onInput = (event: Event) => onText((event.currentTarget as HTMLInputElement).value);
  const shared = { autocomplete, required: !isOptional, onInput };
  return (
    <label>
      {label} {isSecret ? <input type="password" {...shared} /> : <input type="text" {...shared} />}
    </label>
  );
}

/** Where callers are known by an access token: the configuration's, or those of the deployment's auth service. */
export function Login() {
  useTitle('Sign in');
  const [clientId, setClientId] = useState('');
  const [accessToken, setToken] = useState('');
  const [certificate, setCertificate] = useState('');
  const [failure, setFailure] = useState('');
  const isOfService = me.value?.authType === 'taskcluster';
  const credentials = isOfService
    ? { accessToken, clientId, ...(certificate.trim() !== '' && { certificate }) }
    : { accessToken };
  const submit = () => openSession(credentials).catch((error: unknown) => setFailure((error as Error).message));
  return (
    <form
      class="login"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h1>Sign in</h1>
      {isOfService && <Field label="Client" autocomplete="username" onText={setClientId} />}
      <Field label="Access token" isSecret autocomplete="current-password" onText={setToken} />
      {isOfService && (
        <Field label="Certificate, of temporary credentials" autocomplete="off" isOptional onText={setCertificate} />
      )}
      <p>
        {isOfService
          ? 'Credentials of the deployment: they are sealed in a cookie for twelve hours, which no script can read.'
          : 'It is traded for a session of twelve hours, and not kept in this browser.'}
      </p>
      {failure !== '' && <p role="alert">{failure}</p>}
      <button type="submit">Sign in</button>
    </form>
  );
}
