// An HTTP cache in memory, as plain as nginx, which misbehaves when a test asks it to.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';

/** One request, with the status of its answer. */
export interface Seen {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
}

/** Answers a request in place of the server. `well` answers it correctly. */
export type Misbehavior = (
  request: IncomingMessage,
  response: ServerResponse,
  well: () => Promise<void>,
) => void | Promise<void>;

export class TestServer {
  /** Contents by path, such as `/ac/<key>`. */
  readonly stored = new Map<string, Buffer>();
  readonly seen: Seen[] = [];
  /** Connections so far. */
  connections = 0;
  /** Undefined: the server behaves. */
  misbehavior: Misbehavior | undefined;
  readonly #server: Server;
  #port = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request, response);
    });
    this.#server.on('connection', () => this.connections++);
  }

  static async start(t: ExecutionContext): Promise<TestServer> {
    const server = await TestServer.open();
    t.teardown(() => server.stop());
    return server;
  }

  /** Starts a server that the caller stops. */
  static async open(): Promise<TestServer> {
    const server = new TestServer();
    await server.listen();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Requests by method and kind of path: `GET /ac`. */
  get log(): string[] {
    return this.seen.map(({ method, path }) => `${method} ${path.split('/').slice(0, 2).join('/')}`);
  }

  /** Starts, or restarts on the same port. */
  async listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Ends with all of its connections, like a killed server. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    this.seen.push({ method, path: url, headers: request.headers });
    const well = () => this.#answerWell(request, response);
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    if (this.misbehavior) await this.misbehavior(request, response, well);
    else await well();
  }

  async #answerWell(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '' } = request;
    if (method === 'PUT') {
      const parts: Buffer[] = [];
      try {
        for await (const part of request) parts.push(part as Buffer);
      } catch {
        return;
      }
      this.stored.set(url, Buffer.concat(parts));
      response.writeHead(201).end();
      return;
    }
    const found = this.stored.get(url);
    if (method === 'DELETE') response.writeHead(this.stored.delete(url) ? 204 : 404).end();
    else if (!found) response.writeHead(404).end('not found');
    else {
      response.writeHead(200, { 'content-length': found.length });
      response.end(method === 'HEAD' ? undefined : found);
    }
  }
}
