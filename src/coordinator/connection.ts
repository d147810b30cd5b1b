// A worker thread's side of its connection to the coordinator: one per thread, shared by all its caches.
import {
  getEnvironmentData,
  MessageChannel,
  type MessagePort,
  postMessageToThread,
  threadId,
} from 'node:worker_threads';
import { wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { WriteOperation, WriteResult } from '../cache/store.ts';
import { queueMicrotask } from '../cache/time.ts';
import {
  COORDINATOR_KEY,
  type Control,
  type Hello,
  PROTOCOL_VERSION,
  type WriteMessage,
  type WrittenMessage,
} from './protocol.ts';

/** The coordinator's functions as this thread sees them: every answer is a promise. */
export type RemoteControl = {
  [Name in keyof Control]: (
    ...args: Parameters<Control[Name]>
  ) => Promise<Awaited<ReturnType<Control[Name]>>>;
};

export class Connection {
  readonly #control: RemoteControl;
  readonly #controlPort: MessagePort;
  readonly #writes: MessagePort;
  readonly #pending = new Map<number, (result: WriteResult) => void>();
  #outbox: WriteMessage = [];
  #nextId = 1;
  #isClosed = false;
  // Calls and operations that wait for an answer: while there are any, the thread is kept running.
  #waiting = 0;

  private constructor(control: MessagePort, writes: MessagePort) {
    this.#controlPort = control;
    this.#writes = writes;
    this.#control = wrap(nodeEndpoint(control)) as unknown as RemoteControl;
    writes.on('message', (message: WrittenMessage) => {
      for (const [id, result] of message) this.#settle(id, result);
    });
    writes.on('close', () => {
      this.#isClosed = true;
      for (const id of [...this.#pending.keys()]) this.#settle(id, { failed: 'The coordinator has ended.' });
    });
    control.unref();
    writes.unref();
  }

  /** Connects over a port that was passed by hand, or else to the coordinator that a thread above has published. */
  static async open(port?: MessagePort): Promise<Connection> {
    const control = new MessageChannel();
    const writes = new MessageChannel();
    const connection = new Connection(control.port1, writes.port1);
    const hello: Hello = {
      glovebox: PROTOCOL_VERSION,
      thread: threadId,
      control: control.port2,
      writes: writes.port2,
    };
    const transfer = [control.port2, writes.port2];
    await connection.#hold(async () => {
      if (port) port.postMessage(hello, transfer);
      else await postMessageToThread(getEnvironmentData(COORDINATOR_KEY) as number, hello, transfer);
    });
    port?.unref();
    return connection;
  }

  /** Calls the coordinator. The thread is kept running until it answers. */
  call<T>(request: (control: RemoteControl) => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(new Error('The coordinator has ended.'));
    return this.#hold(() => request(this.#control));
  }

  write(instance: number, operation: WriteOperation, now: number): Promise<WriteResult> {
    if (this.#isClosed) return Promise.resolve({ failed: 'The coordinator has ended.' });
    return this.#hold(
      () =>
        new Promise(resolve => {
          const id = this.#nextId++;
          this.#pending.set(id, resolve);
          this.#outbox.push([id, instance, now, operation]);
          // One message for everything that this turn writes.
          if (this.#outbox.length === 1) queueMicrotask(() => this.#flush());
        }),
    );
  }

  #flush(): void {
    const message = this.#outbox;
    this.#outbox = [];
    this.#writes.postMessage(message);
  }

  #settle(id: number, result: WriteResult): void {
    this.#pending.get(id)?.(result);
    this.#pending.delete(id);
  }

  async #hold<T>(task: () => Promise<T>): Promise<T> {
    if (this.#waiting++ === 0) {
      this.#controlPort.ref();
      this.#writes.ref();
    }
    try {
      return await task();
    } finally {
      if (--this.#waiting === 0) {
        this.#controlPort.unref();
        this.#writes.unref();
      }
    }
  }
}
