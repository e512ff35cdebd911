/** Where `g` and a letter lead. */
export const goTo: Readonly<Record<string, string>> = {
  ...{ o: '/', p: '/', e: '/errors', c: '/providers', f: '/charts', a: '/audit', h: '/holds' },
};

const SEQUENCE_MS = 1_000;

interface KeyActions {
  readonly route: (path: string) => void;
  readonly help: () => void;
}

/** Keys that are for whoever types, or for the browser. */
function isTaken({ target, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  const types = target instanceof Element && target.closest('input, textarea, select, dialog') !== null;
  return types || ctrlKey || metaKey || altKey;
}

/** What the arrow keys do on a page. */
export function listenToArrows({ left, right }: { readonly left: () => void; readonly right: () => void }): () => void {
  const onKey = (event: KeyboardEvent) => {
    if (isTaken(event)) return;
    if (event.key === 'ArrowLeft') left();
    else if (event.key === 'ArrowRight') right();
  };
  addEventListener('keydown', onKey);
  return () => removeEventListener('keydown', onKey);
}

/** `/` goes to the filter, `?` to the help, `g` and a letter to a page; nothing while somebody types. */
export function listenToKeys({ route, help }: KeyActions): () => void {
  let lastG = -Infinity;
  const onKey = (event: KeyboardEvent) => {
    const { key } = event;
    if (isTaken(event)) return;
    const page = event.timeStamp - lastG < SEQUENCE_MS ? goTo[key] : undefined;
    lastG = key === 'g' ? event.timeStamp : -Infinity;
    if (page !== undefined) route(page);
    else if (key === '?') help();
    else if (key === '/') {
      event.preventDefault();
      document.querySelector<HTMLInputElement>('#filter')?.focus();
    }
  };
  addEventListener('keydown', onKey);
  return () => removeEventListener('keydown', onKey);
}
