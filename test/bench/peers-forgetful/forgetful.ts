// A peer that shares its store between all threads and loses it on close: its acknowledged writes do not last.
import { MessageChannel } from 'node:worker_threads';
import { expose, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { Peer } from '../../../bench/peer.ts';

class Memory {
  readonly #entries = new Map<string, unknown>();

  get(key: string): unknown {
    return this.#entries.get(key);
  }

  set(key: string, value: unknown): void {
    this.#entries.set(key, value);
  }

  delete(key: string): boolean {
    return this.#entries.delete(key);
  }
}

export const peer: Peer = {
  title: 'forgetful',
  setup: 'a map in the main thread',
  versions: () => ({}),

  serve() {
    const memory = new Memory();
    return {
      connect() {
        const { port1, port2 } = new MessageChannel();
        expose(memory, nodeEndpoint(port1));
        return port2;
      },
      close: () => undefined,
    };
  },

  open(_directory, _data, port) {
    const memory = wrap<Memory>(nodeEndpoint(port!));
    return {
      get: key => memory.get(key),
      set: (key, value) => memory.set(key, value),
      delete: key => memory.delete(key),
      close: () => port!.close(),
    };
  },
};
