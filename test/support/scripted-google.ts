import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

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

/** An address of Compute Engine that answers as it is told and remembers what it was sent. */
export class ScriptedGoogle {
  readonly requests: SeenRequest[] = [];
  say: (request: SeenRequest) => ScriptedAnswer = () => ({ body: {} });
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const url = new URL(request.url ?? '/', 'http://localhost');
        const text = Buffer.concat(chunks).toString();
        const seen = {
          method: request.method ?? '',
          path: url.pathname,
          query: url.searchParams,
          headers: request.headers,
          body: text ? (JSON.parse(text) as unknown) : null,
        };
        this.requests.push(seen);
        const { status = 200, body } = this.say(seen);
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(typeof body === 'string' ? body : JSON.stringify(body));
      });
    });
  }

  static async start(): Promise<ScriptedGoogle> {
    const scripted = new ScriptedGoogle();
    await new Promise<void>((resolve) => scripted.server.listen(0, '127.0.0.1', resolve));
    return scripted;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** A refusal as Google's APIs write it. */
  static refusal(status: number, reason: string, message = 'in words', details: object[] = []): ScriptedAnswer {
    return {
      status,
      body: { error: { code: status, message, errors: [{ reason, message, domain: 'global' }], details } },
    };
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
