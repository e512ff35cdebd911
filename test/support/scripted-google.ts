import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { type ScriptedServer, scriptedServer } from './scripted-server.js';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

export interface ScriptedAnswer {
  readonly status?: number;
  readonly body: unknown;
}

/** An address of Compute Engine that answers by a script and records what it was sent. */
export class ScriptedGoogle {
  readonly requests: SeenRequest[] = [];
  say: (request: SeenRequest) => ScriptedAnswer = () => ({ body: {} });
  private server!: ScriptedServer;

  private constructor() {}

  static async start(): Promise<ScriptedGoogle> {
    const scripted = new ScriptedGoogle();
    scripted.server = await scriptedServer((request, response) => scripted.answer(request, response));
    return scripted;
  }

  get url(): string {
    return this.server.url;
  }

  /** A refusal as Google's APIs write it. */
  static refusal(status: number, reason: string, message = 'in words', details: object[] = []): ScriptedAnswer {
    return {
      status,
      body: { error: { code: status, message, errors: [{ reason, message, domain: 'global' }], details } },
    };
  }

  async stop(): Promise<void> {
    await this.server.close();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path, searchParams: query } = new URL(request.url ?? '/', 'http://localhost');
    const sent = await text(request);
    const seen = {
      method: request.method ?? '',
      path,
      query,
      headers: request.headers,
      body: sent ? (JSON.parse(sent) as unknown) : null,
    };
    this.requests.push(seen);
    const { status = 200, body } = this.say(seen);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }
}
