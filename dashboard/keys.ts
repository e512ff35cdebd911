/** Where `g` and a letter lead. */
export const goTo: Readonly<Record<string, string>> = { o: '/', p: '/', e: '/errors', a: '/audit', h: '/holds' };

const SEQUENCE_MS = 1_000;

interface KeyActions {
  readonly route: (path: string) => void;
  readonly help: () => void;
}

/** `/` goes to the filter, `?` to the help, `g` and a letter to a page; nothing while somebody types. */
export function listenToKeys({ route, help }: KeyActions): () => void {
  let lastG = -Infinity;
  const onKey = (event: KeyboardEvent) => {
    const { target, key } = event;
    const types = target instanceof Element && target.closest('input, textarea, select, dialog') !== null;
    if (types || event.ctrlKey || event.metaKey || event.altKey) return;
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
