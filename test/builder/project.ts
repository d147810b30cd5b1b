// A config directory with a compiler that the test controls, and builds of it.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import type { BuildEvent, BuildOptions, BuildSummary } from '../../src/builder/index.ts';
import type { UserConfig } from '../../src/config/user-config.ts';
import { closeForAll } from '../support/close-for-all.ts';
import { publishedBuild, publishedLibrary } from '../support/published.ts';
import { createRig, type Rig, type RigOptions, type RigRun } from './rig/rig.ts';

// Starting the threads takes half the time of starting them from sources.
const { build } = await publishedBuild();
const { createDefaultCache } = await publishedLibrary();

export const BUILD_YAML = `
include:
  - board: nice_nano_v2
    shield: corne_left
    artifact-name: left
  - board: nice_nano_v2
    shield: corne_right
    artifact-name: right
`;

type Type = BuildEvent['type'];
export type EventOf<T extends Type> = Extract<BuildEvent, { type: T }>;

export class Project {
  readonly root: string;
  readonly directory: string;
  readonly cacheRoot: string;
  readonly rig: Rig;

  constructor(root: string, rig: Rig) {
    this.root = root;
    this.directory = path.join(root, 'corne');
    this.cacheRoot = path.join(root, 'cache');
    this.rig = rig;
  }

  get userConfig(): UserConfig {
    return {
      cache: { directory: this.cacheRoot, tags: {} },
      build: {},
      toolchains: { command: this.rig.toolchainOptions },
      sources: [],
      directory: this.directory,
    };
  }

  /** Starts a build with two targets at once. */
  start(options: Partial<BuildOptions> = {}): Building {
    return new Building({
      configDirectory: this.directory,
      jobs: 2,
      userConfig: this.userConfig,
      ...options,
    });
  }

  async write(file: string, content: string): Promise<void> {
    const place = path.join(this.directory, file);
    await mkdir(path.dirname(place), { recursive: true });
    await writeFile(place, content);
  }

  /** The entries of the output directory, hidden files included; undefined when there is none. */
  async output(): Promise<Record<string, string> | undefined> {
    const directory = path.join(this.directory, 'firmware');
    const names = await readdir(directory).catch(() => undefined);
    if (!names) return undefined;
    const contents = names
      .sort()
      .map(async name => [name, await readFile(path.join(directory, name), 'utf8')]);
    return Object.fromEntries(await Promise.all(contents));
  }

  /** The firmware cache's blob files. */
  async blobs(): Promise<string[]> {
    const directory = path.join(this.cacheRoot, 'firmware', 'blobs');
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    return entries.filter(entry => entry.isFile()).map(entry => path.join(entry.parentPath, entry.name));
  }
}

/** A running build and its events. */
export class Building {
  readonly events: BuildEvent[] = [];
  readonly done: Promise<BuildSummary>;
  readonly #waiting: { matches: (event: BuildEvent) => boolean; resolve: (event: BuildEvent) => void }[] = [];

  constructor(options: Omit<BuildOptions, 'onEvent'>) {
    this.done = build({
      ...options,
      onEvent: event => {
        this.events.push(event);
        for (const { matches, resolve } of this.#waiting) if (matches(event)) resolve(event);
      },
    });
    // A test that fails before it awaits this has its own error to report.
    this.done.catch(() => {});
  }

  /** All events of a type so far, of one target or of all. */
  of<T extends Type>(type: T, target?: string): EventOf<T>[] {
    const matches = (event: BuildEvent): event is EventOf<T> =>
      event.type === type && (target === undefined || ('target' in event && event.target === target));
    return this.events.filter(matches);
  }

  /** The first event of a type, once it has occurred. */
  async next<T extends Type>(type: T, target?: string): Promise<EventOf<T>> {
    const [already] = this.of(type, target);
    if (already) return already;
    const waiting = Promise.withResolvers<BuildEvent>();
    this.#waiting.push({
      matches: event => event.type === type && (!target || ('target' in event && event.target === target)),
      resolve: waiting.resolve,
    });
    const ended = this.done.then(() => Promise.reject(new Error(`The build ended without ${type}.`)));
    return Promise.race([waiting.promise as Promise<EventOf<T>>, ended]);
  }
}

/** A project with `config/corne.keymap`, `config/left.h`, `config/right.h` and two targets, `left` and `right`. */
export async function createProject(t: ExecutionContext, options: RigOptions = {}): Promise<Project> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'project-'));
  const project = new Project(root, await createRig(t, options));
  await project.write('build.yaml', BUILD_YAML);
  await project.write('config/corne.keymap', 'keymap');
  await project.write('config/left.h', 'left');
  await project.write('config/right.h', 'right');
  t.teardown(async () => {
    for (const tag of ['compilation', 'firmware']) {
      await closeForAll(createDefaultCache({ tag, cacheRoot: project.cacheRoot }));
    }
    await rm(root, { recursive: true, force: true });
  });
  return project;
}

/** Compiles as a real compiler would: reads the keymap and the half's own header, and makes firmware of both. */
export async function compileHalf(run: RigRun): Promise<void> {
  const config = run.target.config!;
  const files = [`${config}/config/corne.keymap`, `${config}/config/${run.target.name}.h`];
  const parts = await Promise.all(files.map(file => run.read(file)));
  await run.observed(files);
  await run.succeed(`${run.target.name}: ${parts.join(' ')}`);
}
