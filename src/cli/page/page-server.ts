// Server of the live page: one page for the person at this machine, kept up to date by server-sent events.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One part of the page, which is replaced as a whole. */
export interface PagePart {
  /** The id of its element. */
  id: string;
  html: string;
}

/** The files of the page, by name; the page itself has the name ''. */
export type PageFiles = ReadonlyMap<string, { type: string; content: string }>;

/** More pages than are ever open at once. */
const MAX_READERS = 32;
/** A reader that is so many bytes behind is disconnected, and gets the whole state when it comes back. */
const MAX_BEHIND = 4 * 1024 * 1024;
/** Browsers and proxies close connections that seem idle. */
const HEARTBEAT_MS = 15_000;
const RECONNECT_MS = 300;

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/**
 * Listens on 127.0.0.1, on a free port. Only a reader that knows the random token in the address gets an answer, and only
 * under the address itself: a page from elsewhere cannot reach it through a name of its own.
 */
export class PageServer {
  readonly #server: Server;
  readonly #token = randomBytes(16).toString('hex');
  readonly #files: PageFiles;
  readonly #readers = new Set<ServerResponse>();
  readonly #parts = new Map<string, string>();
  readonly #heartbeat: NodeJS.Timeout;
  #port = 0;

  private constructor(files: PageFiles) {
    this.#files = files;
    this.#server = createServer((request, response) => this.#answer(request, response));
    // The page must not keep a command alive that has nothing else to do.
    this.#server.unref();
    this.#heartbeat = setInterval(() => this.#send(': still here\n\n'), HEARTBEAT_MS).unref();
  }

  /** Starts a server of these files. Rejects with the system's error if it cannot listen. */
  static async start(files: PageFiles): Promise<PageServer> {
    const server = new PageServer(files);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    server.#port = (server.#server.address() as AddressInfo).port;
    return server;
  }

  /** The address of the page, with its token. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}/${this.#token}/`;
  }

  /** Sends the parts that changed to all readers, and keeps them for those that come later. */
  update(parts: readonly PagePart[]): void {
    for (const { id, html } of parts) {
      if (this.#parts.get(id) === html) continue;
      this.#parts.set(id, html);
      this.#send(partEvent(id, html));
    }
  }

  /** Tells all readers that nothing more will come, and ends. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    this.#send('event: end\ndata:\n\n');
    for (const reader of this.#readers) reader.end();
    this.#server.close();
    // Connections that browsers keep open for later.
    this.#server.closeIdleConnections();
    const flushed = [...this.#readers].map(reader => once(reader, 'close'));
    await Promise.race([Promise.all(flushed), new Promise(resolve => setTimeout(resolve, 500).unref())]);
    this.#server.closeAllConnections();
  }

  #send(text: string): void {
    for (const reader of this.#readers) {
      if (reader.writableLength > MAX_BEHIND) reader.destroy();
      else reader.write(text);
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const [, token = '', name, ...rest] = (request.url ?? '').split('/');
    const isHere = [`127.0.0.1:${this.#port}`, `localhost:${this.#port}`].includes(
      request.headers.host ?? '',
    );
    if (!isHere || name === undefined || rest.length > 0 || !this.#isToken(token)) {
      refuse(response, 404);
    } else if (request.method !== 'GET') {
      refuse(response, 405);
    } else if (name === 'events') {
      this.#follow(response);
    } else {
      const file = this.#files.get(name);
      if (file === undefined) refuse(response, 404);
      else response.writeHead(200, { ...HEADERS, 'Content-Type': file.type }).end(file.content);
    }
  }

  #isToken(token: string): boolean {
    const [given, own] = [Buffer.from(token), Buffer.from(this.#token)];
    return given.length === own.length && timingSafeEqual(given, own);
  }

  #follow(response: ServerResponse): void {
    if (this.#readers.size >= MAX_READERS) {
      refuse(response, 503);
      return;
    }
    this.#readers.add(response);
    response.on('close', () => this.#readers.delete(response));
    // A reader that goes away is not an error.
    response.on('error', () => {});
    response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream' });
    response.write(`retry: ${RECONNECT_MS}\n\n`);
    for (const [id, html] of this.#parts) response.write(partEvent(id, html));
  }
}

/** JSON has no line ends, which would end the event. */
function partEvent(id: string, html: string): string {
  return `event: part\ndata: ${JSON.stringify({ id, html })}\n\n`;
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { ...HEADERS, 'Content-Type': 'text/plain' }).end();
}
