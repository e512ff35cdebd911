import { Type } from 'typebox';
import { closed, instant, nullable } from './common.js';
import { named } from './names.js';

/** Of any client; a longer text is none. */
export const sessionRequest = named(
  'open-session-request',
  closed({ accessToken: Type.String({ minLength: 1, maxLength: 1024 }) }),
);

export const whoami = named(
  'whoami',
  closed({
    /** Null for a call without credentials. */
    clientId: nullable(Type.String()),
    scopes: Type.Array(Type.String()),
    /** How callers prove who they are; a page can open a session with `static`, and needs none with `open`. */
    authType: Type.Union([Type.Literal('open'), Type.Literal('static'), Type.Literal('taskcluster')]),
    /** When the session ends that the caller is known by. */
    sessionExpires: nullable(instant),
  }),
);
