import { LocationProvider, Route, Router, useLocation } from 'preact-iso/router';
import { useEffect, useRef } from 'preact/hooks';
import { clock, duration } from './format.js';
import { freshAt, lostSince, now } from './freshness.js';
import { listenToKeys } from './keys.js';
import { Audit } from './pages/audit.js';
import { Charts } from './pages/charts.js';
import { Edit, NewPool } from './pages/edit.js';
import { ErrorsOfAll } from './pages/errors.js';
import { Holds } from './pages/holds.js';
import { LaunchConfig } from './pages/launch-config.js';
import { Login } from './pages/login.js';
import { Overview } from './pages/overview.js';
import { Pool } from './pages/pool.js';
import { Why } from './pages/why.js';
import { Providers } from './pages/providers.js';
import { Worker } from './pages/worker.js';
import { Confirmation, done } from './parts/dialog.js';
import { Loading } from './parts/small.js';
import { closeSession, me, signsIn } from './session.js';
import { nextTheme, theme } from './theme.js';

/** Addresses that are pages of ours; every other link leaves. */
const PAGES = /^\/($|pools\/|why\/|(errors|providers|charts|audit|holds|new)($|\?))/;

const NotFound = () => <p class="empty">There is no such page.</p>;

export function App() {
  return (
    <LocationProvider scope={PAGES}>
      <Frame />
    </LocationProvider>
  );
}

function Frame() {
  const isLost = lostSince.value !== null;
  return (
    <>
      <a class="skip" href="#main">
        To the content
      </a>
      <Header />
      <aside aria-label="Messages">
        {isLost && (
          <p class="lost" role="alert">
            Not live since {clock(lostSince.value ?? 0)} UTC: the numbers below are of then.
          </p>
        )}
        <p class="done" role="status">
          {done.value}
        </p>
      </aside>
      <main id="main" tabIndex={-1} class={isLost ? 'stale' : ''}>
        <Content />
      </main>
      <span class="probe" hidden />
      <Confirmation />
      <Help />
    </>
  );
}

function Content() {
  const caller = me.value;
  if (caller === null) return <Loading />;
  const isKnown = caller.authType === 'open' || caller.scopes.length > 0;
  if (!isKnown || signsIn.value) return <Login />;
  return (
    <Router>
      <Route path="/" component={Overview} />
      <Route path="/pools/:pool" component={Pool} />
      <Route path="/pools/:pool/edit" component={Edit} />
      <Route path="/pools/:pool/configs/:config" component={LaunchConfig} />
      <Route path="/pools/:pool/workers/:group/:worker" component={Worker} />
      <Route path="/why/:queue" component={Why} />
      <Route path="/errors" component={ErrorsOfAll} />
      <Route path="/providers" component={Providers} />
      <Route path="/charts" component={Charts} />
      <Route path="/audit" component={Audit} />
      <Route path="/holds" component={Holds} />
      <Route path="/new" component={NewPool} />
      <Route default component={NotFound} />
    </Router>
  );
}

const links = [
  ['/', 'Overview'],
  ['/errors', 'Errors'],
  ['/providers', 'Providers'],
  ['/charts', 'Charts'],
  ['/audit', 'Audit'],
  ['/holds', 'Holds'],
] as const;

function Header() {
  const { path } = useLocation();
  return (
    <header>
      <nav aria-label="Pages">
        {links.map(([href, name]) => (
          <a key={href} href={href} {...(path === href && { 'aria-current': 'page' })}>
            {name}
          </a>
        ))}
      </nav>
      <Live />
      <button type="button" onClick={nextTheme} aria-label={`Colours: ${theme.value}`}>
        {{ auto: '◐', light: '○', dark: '●' }[theme.value]}
      </button>
      {me.value && me.value.authType !== 'open' && me.value.clientId === null && me.value.scopes.length > 0 && (
        <button type="button" onClick={() => (signsIn.value = !signsIn.value)}>
          {signsIn.value ? 'Back' : 'Sign in'}
        </button>
      )}
      {me.value?.sessionExpires && (
        <button type="button" onClick={() => void closeSession()}>
          Sign out {me.value.clientId}
        </button>
      )}
    </header>
  );
}

/** Its text changes each second, so it is no live region: the banner is. */
function Live() {
  if (lostSince.value !== null) return <span class="live is-lost">■ not live</span>;
  if (freshAt.value === null) return <span class="live">…</span>;
  return <span class="live">● live · {duration(now.value - freshAt.value)} ago</span>;
}

function Help() {
  const { route } = useLocation();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => listenToKeys({ route, help: () => dialog.current?.showModal() }), []);
  return (
    <dialog ref={dialog} aria-labelledby="help">
      <h2 id="help">Keys</h2>
      <dl class="facts">
        <div>
          <dt>/</dt>
          <dd>the filter</dd>
        </div>
        <div>
          <dt>g o, g e, g c, g f, g a, g h</dt>
          <dd>overview, errors, providers (clouds), charts (figures), audit, holds</dd>
        </div>
        <div>
          <dt>←, →</dt>
          <dd>on a page that says why: the change before, and the one after</dd>
        </div>
        <div>
          <dt>?</dt>
          <dd>this help</dd>
        </div>
      </dl>
      <button type="button" onClick={() => dialog.current?.close()}>
        Close
      </button>
    </dialog>
  );
}
