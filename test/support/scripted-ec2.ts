import type { ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { scriptedServer } from './scripted-server.js';

export interface ScriptedAnswer {
  readonly status: number;
  readonly body: string;
}

/** Answers one EC2 request to this region; `null` drops the connection without an answer. */
export type Script = (parameters: URLSearchParams, region?: string) => ScriptedAnswer | null;

export interface ScriptedEc2 {
  readonly endpoint: string;
  /** The parameters of every request, in the order in which they came. */
  readonly requests: URLSearchParams[];
  close(): Promise<void>;
}

/**
 * A server that says what a test wants EC2 to say, for answers that no emulator gives. An answer is sent when `ready`
 * resolves, which is called when its request has come.
 */
export async function scriptedEc2(
  script: Script,
  ready: () => Promise<void> = () => Promise.resolve(),
): Promise<ScriptedEc2> {
  const requests: URLSearchParams[] = [];
  const server = await scriptedServer(async (request, response) => {
    const parameters = new URLSearchParams(await text(request));
    requests.push(parameters);
    // Credential=<key>/<day>/<region>/ec2/aws4_request
    const region = request.headers.authorization?.split('/')[2] ?? '';
    await ready();
    send(script(parameters, region), response);
  });
  return { endpoint: server.url, requests, close: () => server.close() };
}

function send(answer: ScriptedAnswer | null, response: ServerResponse): void {
  if (!answer) {
    response.destroy();
    return;
  }
  response.writeHead(answer.status, { 'content-type': 'text/xml', 'x-amzn-requestid': 'r' }).end(answer.body);
}

export const refusal = (status: number, code: string, message: string): ScriptedAnswer => ({
  status,
  body: `<?xml version="1.0"?><Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>r</RequestID></Response>`,
});

export const answer = (action: string, inner = ''): ScriptedAnswer => ({
  status: 200,
  body: `<?xml version="1.0"?><${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>${inner}</${action}Response>`,
});

/** The values of a list parameter such as `InstanceId.1`, `InstanceId.2`. */
export const listOf = (parameters: URLSearchParams, name: string): string[] =>
  [...parameters].filter(([key]) => key.startsWith(`${name}.`)).map(([, value]) => value);
