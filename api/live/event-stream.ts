import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** For proxies, which end what is silent. */
const COMMENT_INTERVAL_MS = 15_000;
/** Of a browser, after a stream has ended. */
const RETRY_MS = 1_000;

/** Server-sent events to one browser (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #comments: NodeJS.Timeout;
  #lastId = 0;

  constructor(response: ServerResponse, headers: OutgoingHttpHeaders) {
    this.#response = response;
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      // Its connection ends with it: one that was kept alive would hold up a server that closes.
      connection: 'close',
      // nginx would gather what it gets.
      'x-accel-buffering': 'no',
    });
    response.write(`retry: ${RETRY_MS}\n\n`);
    this.#comments = setInterval(() => {
      if (!this.isSlow) response.write(':\n\n');
    }, COMMENT_INTERVAL_MS);
    response.on('close', () => clearInterval(this.#comments));
    // A browser that went away is no fault of ours.
    response.on('error', () => response.destroy());
  }

  /** Whether what was sent last has not been taken yet: it gets nothing more until then. */
  get isSlow(): boolean {
    return this.#response.writableNeedDrain;
  }

  send(event: string, data: unknown): void {
    this.#lastId += 1;
    // JSON has no line breaks of its own.
    this.#response.write(`id: ${this.#lastId}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  end(): void {
    this.#response.end();
  }

  onClose(listener: () => void): void {
    this.#response.on('close', listener);
  }
}
