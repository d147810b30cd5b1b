// An HTTP cache on disk for the remote chaos run: it writes files in place, so that a kill leaves partial ones, and follows
// the file `behavior` in its directory: `well`, `slow`, `silent`, `dribbling`, `failing`, `busy` or `html`.
//
//   node test/chaos/remote/server.ts DIRECTORY PORT
import { createReadStream, createWriteStream, mkdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';

const [directory, port] = process.argv.slice(2) as [string, string];

for (const kind of ['ac', 'cas']) mkdirSync(path.join(directory, kind), { recursive: true });

createServer((request, response) => {
  // Errors of broken connections are irrelevant.
  void answer(request, response).catch(() => response.destroy());
}).listen(Number(port), '127.0.0.1', () => console.log('listening'));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const behavior = readFileSync(path.join(directory, 'behavior'), 'utf8');
  if (behavior === 'silent') return;
  if (behavior === 'slow') await delay(300);
  if (behavior === 'failing') return void response.writeHead(500).end('no');
  if (behavior === 'busy') return void response.writeHead(429, { 'retry-after': '1' }).end();
  if (behavior === 'html') {
    response.writeHead(200, { 'content-type': 'text/html' });
    return void response.end('<html><body>Please log in.</body></html>');
  }
  const file = path.join(directory, path.normalize(request.url ?? '/'));
  if (request.method === 'PUT') {
    await pipeline(request, createWriteStream(file));
    return void response.writeHead(201).end();
  }
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) return void response.writeHead(404).end();
  response.writeHead(200, { 'content-length': size });
  if (request.method === 'HEAD') return void response.end();
  if (behavior !== 'dribbling') return pipeline(createReadStream(file), response);
  for (const byte of readFileSync(file)) {
    response.write(Buffer.from([byte]));
    await delay(2);
  }
  response.end();
}
