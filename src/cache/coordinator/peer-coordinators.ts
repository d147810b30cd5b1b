// Peer coordinators: others of this process that have the same store open, in threads started by one without Glovebox.
//
// They share no memory, so that copies of entries are checked at each read (see `Versions.hasPeerCoordinators`), and
// entries in memory are not shared at all. One warning per process says so, and names the line that makes it one
// coordinator: the first of the threads gives it, as soon as it hears of another one.
import { BroadcastChannel, threadId } from 'node:worker_threads';
import { setImmediate } from '../../system/time.ts';

const CHANNEL = 'glovebox:neighbours';

/** Message between coordinators. */
interface Notice {
  kind: 'opened' | 'present' | 'warned';
  thread: number;
  /** The thread knows that the process has been warned. */
  isWarned: boolean;
  /** The store: its directory and backend. */
  store: string;
}

interface OpenStore {
  tag: string;
  onPeer: () => void;
}

export class PeerCoordinators {
  readonly #stores = new Map<string, OpenStore>();
  #channel: BroadcastChannel | undefined;
  // True while no earlier thread is known.
  #isFirst = true;
  #isWarned = false;

  /** This thread has opened a store. `onPeer` is called once it is known that another coordinator has it open. */
  opened(directory: string, tag: string, backend: string, onPeer: () => void): void {
    const store = nameOf(directory, backend);
    this.#stores.set(store, { tag, onPeer });
    this.#listen();
    this.#send('opened', store);
  }

  closed(directory: string, backend: string): void {
    this.#stores.delete(nameOf(directory, backend));
    if (this.#stores.size > 0) return;
    this.#channel?.close();
    this.#channel = undefined;
  }

  #listen(): void {
    if (this.#channel) return;
    this.#channel = new BroadcastChannel(CHANNEL);
    this.#channel.onmessage = event => {
      const { data } = event as { data: unknown };
      if (isNotice(data)) this.#receive(data);
    };
    // Listening must not keep the thread running.
    (this.#channel as unknown as { unref(): void }).unref();
  }

  #send(kind: Notice['kind'], store: string): void {
    const notice: Notice = { kind, thread: threadId, isWarned: this.#isWarned, store };
    this.#channel?.postMessage(notice);
  }

  #receive({ kind, thread, isWarned, store }: Notice): void {
    this.#isWarned ||= isWarned;
    const open = this.#stores.get(store);
    if (!open || kind === 'warned') return;
    if (kind === 'opened') this.#send('present', store);
    open.onPeer();
    // Two copies of Glovebox in one thread cannot be merged by an import.
    if (thread === threadId) return;
    if (thread < threadId) this.#isFirst = false;
    // After the messages sent so far were heard: perhaps another thread has warned already.
    else setImmediate(() => this.#warn(store, open.tag));
  }

  #warn(store: string, tag: string): void {
    if (!this.#isFirst || this.#isWarned) return;
    this.#isWarned = true;
    this.#send('warned', store);
    process.emitWarning(
      `Several threads of this process coordinate their caches, such as '${tag}', each by itself, because the thread that started them had not imported Glovebox by then: they share no copies in memory, check their own at every read, and block each other's writes; a cache in memory has separate entries in each of them. Add this line there, before it starts them: import 'glovebox';`,
      { type: 'GloveboxWarning', code: 'GLOVEBOX_NEIGHBOURS' },
    );
  }
}

function nameOf(directory: string, backend: string): string {
  return `${backend}:${directory}`;
}

// Any code in the process can post to the channel.
function isNotice(value: unknown): value is Notice {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, thread, isWarned, store } = value as Partial<Notice>;
  return (
    typeof isWarned === 'boolean' &&
    (kind === 'opened' || kind === 'present' || kind === 'warned') &&
    Number.isSafeInteger(thread) &&
    typeof store === 'string'
  );
}
