// A watched build of a project, and its events.
import type { ExecutionContext } from 'ava';
import type { BuildOptions } from '../../../src/builder/index.ts';
import { publishedBuild } from '../../support/published.ts';
import type { Project } from '../project.ts';
import type { RigRun } from '../rig/rig.ts';
import { WatchedEvents } from './watched-events.ts';

const { watchBuild } = await publishedBuild();

export class WatchFixture extends WatchedEvents {
  readonly #stop: AbortController;

  constructor(options: Omit<BuildOptions, 'onEvent'>) {
    const stop = new AbortController();
    super(onEvent => watchBuild({ ...options, signal: stop.signal, onEvent }));
    this.#stop = stop;
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
