import { type Static, Type } from 'typebox';
import { closed, instant, nullable } from './common.js';
import { named } from './names.js';

/** Of any client; a longer text is none. */
export const sessionRequest = named(
  'open-session-request',
  closed({
    accessToken: Type.String({ minLength: 1, maxLength: 1024 }),
    /** Whose it is; needed with `auth.type` taskcluster only. */
    clientId: Type.Optional(Type.String({ minLength: 1, maxLength: 1024, pattern: '^[\\x20-\\x7e]+$' })),
    /** Of temporary credentials, as JSON. */
    certificate: Type.Optional(Type.String({ minLength: 1, maxLength: 8192 })),
  }),
);

export type SessionRequest = Static<typeof sessionRequest>;

export const whoami = named(
  'whoami',
  closed({
    /** Null for a call without credentials. */
    clientId: nullable(Type.String()),
    scopes: Type.Array(Type.String()),
    /** How callers prove who they are; a page needs a session with `static` and `taskcluster`, and none with `open`. */
    authType: Type.Union([Type.Literal('open'), Type.Literal('static'), Type.Literal('taskcluster')]),
    /** When the session ends that the caller is known by. */
    sessionExpires: nullable(instant),
  }),
);
