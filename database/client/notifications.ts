/**
 * Texts that commits send through the database (`pg_notify`). They come in the order of the commits, those of `notify`
 * among them: whoever hears one has heard all that was committed before it.
 */
export interface Listening {
  /** Sends a text to everybody who listens, this listener too. */
  notify(text: string): Promise<void>;
  /** Ends it; `onEnd` is called. */
  close(): void;
}

export interface Listener {
  readonly onText: (text: string) => void;
  /** Nothing comes any more: the connection is lost, or closed. */
  readonly onEnd: () => void;
}

/** Resolves when every later commit will be heard; rejects where nothing can be. */
export type Listen = (channel: string, listener: Listener) => Promise<Listening>;
