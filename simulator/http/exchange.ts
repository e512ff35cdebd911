import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from '../errors.js';

/** Taskcluster's services take no larger body (docs/taskcluster-compatibility.md#requests). */
const MAX_BODY_BYTES = 10 * 1024 * 1024;

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Refusal('InputTooLarge', 'the request body is too large', 413);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const body = await readBody(request);
  if (body.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    throw new Refusal('MalformedPayload', 'the request body is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refusal('MalformedPayload', 'the request body is not a JSON object');
  }
  return value as Record<string, unknown>;
}

export function send(response: ServerResponse, status: number, type: string, body: string): void {
  if (response.destroyed || response.writableEnded) return;
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

export const sendJson = (response: ServerResponse, status: number, value: unknown): void =>
  send(response, status, 'application/json', JSON.stringify(value));

export const sendText = (response: ServerResponse, body: string): void => send(response, 200, 'text/plain', body);
