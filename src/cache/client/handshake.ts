// Handshake of a worker thread with its coordinator: where to find it, and the message that opens the connection.
import { MessagePort } from 'node:worker_threads';
import type { Hello } from '../protocol.ts';

/** Key of the coordinator's thread id in the environment data that worker threads inherit. */
export const COORDINATOR_KEY = 'glovebox:coordinator';

export const PROTOCOL_VERSION: Hello['glovebox'] = 6;

export function isHello(message: unknown): message is Hello {
  if (typeof message !== 'object' || message === null) return false;
  const { glovebox, thread, control, writes } = message as Partial<Hello>;
  return (
    glovebox === PROTOCOL_VERSION &&
    Number.isSafeInteger(thread) &&
    control instanceof MessagePort &&
    writes instanceof MessagePort
  );
}

/** Tells the thread of another version of Glovebox at once that it is not answered. */
export function closeForeignHello(message: unknown): void {
  if (typeof message !== 'object' || message === null || !('glovebox' in message)) return;
  for (const port of Object.values(message)) if (port instanceof MessagePort) port.close();
}
