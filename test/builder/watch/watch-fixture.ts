// A watched build of a project, and its events.
import type { ExecutionContext } from 'ava';
import type { BuildEvent, BuildOptions } from '../../../src/builder/index.ts';
import { publishedBuild } from '../../support/published.ts';
import type { EventOf, Project } from '../project.ts';
import type { RigRun } from '../rig/rig.ts';

const { watchBuild } = await publishedBuild();

type Type = BuildEvent['type'];

/** Milliseconds after which waiting for an event fails the test, so that it does not hang. */
const PATIENCE = 60_000;

export class WatchFixture {
  readonly events: BuildEvent[] = [];
  readonly done: Promise<void>;
  readonly #stop = new AbortController();
  /** Index of the first event that was not awaited yet. */
  #seen = 0;
  #look: (() => void) | undefined;

  constructor(options: Omit<BuildOptions, 'onEvent'>) {
    this.done = watchBuild({
      ...options,
      signal: this.#stop.signal,
      onEvent: event => {
        this.events.push(event);
        this.#look?.();
      },
    });
    this.done.catch(() => this.#look?.());
  }

  /** The next event of a type, of one target or of all, after the last awaited one. */
  async next<T extends Type>(type: T, target?: string): Promise<EventOf<T>> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        this.#look = () => {
          const index = this.events.findIndex(
            (event, at) =>
              at >= this.#seen &&
              event.type === type &&
              (!target || ('target' in event && event.target === target)),
          );
          if (index < 0) return;
          this.#seen = index + 1;
          resolve(this.events[index] as EventOf<T>);
        };
        const waited = `${type} of ${target ?? 'any target'}`;
        timer = setTimeout(
          () => reject(new Error(`No ${waited} after ${JSON.stringify(this.events)}`)),
          PATIENCE,
        );
        this.done.then(() => reject(new Error(`The watch ended without ${waited}.`)), reject);
        this.#look();
      });
    } finally {
      clearTimeout(timer);
      this.#look = undefined;
    }
  }

  /** All events of a type so far. */
  of<T extends Type>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.done;
  }
}

/** Watches a project until the test ends. */
export function watchProject(
  t: ExecutionContext,
  project: Project,
  options: Partial<BuildOptions> = {},
): WatchFixture {
  const fixture = new WatchFixture({
    configDirectory: project.directory,
    jobs: 2,
    userConfig: project.userConfig,
    ...options,
  });
  t.teardown(() => fixture.stop().catch(() => {}));
  return fixture;
}

/** Lets the compilers of a project run by themselves, and waits until nothing is left to do. */
export async function settle(
  fixture: WatchFixture,
  runs: RigRun[],
  work: (run: RigRun) => Promise<void>,
): Promise<void> {
  await Promise.all(runs.map(work));
  await fixture.next('watch-waiting');
}
