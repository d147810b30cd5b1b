// Steps of a build: CMake configures the build directory, the build waits for its turn, and Ninja makes every file that
// cannot be reused from the last build.
import { rmSync } from 'node:fs';
import type { FailedOutcome } from '../outcome.ts';
import type { CompileJob } from '../toolchain.ts';
import { type BuildConditions, KeptBuild, type KeptPlaces } from './precise/kept-build.ts';
import type { BuildStep, ZephyrBuildSpec, ZephyrRunner } from './zephyr-runner.ts';

/** How far two clocks may drift apart during one build. */
const CLOCK_DRIFT_MS = 50;

/** What happens to a target's build directories. */
export interface DirectoryUse {
  /** The directory of the last build, once it is in use. */
  former: KeptBuild | undefined;
  /** Whether objects of it were reused. */
  isAdopted?: boolean;
  /** Keeps the directory of this build; resolves to whether it is kept. Undefined: it cannot be. */
  keep: (() => Promise<boolean>) | undefined;
}

export interface BuildStepsOptions {
  runner: ZephyrRunner;
  spec: ZephyrBuildSpec;
  job: CompileJob;
  /** Called when CMake has configured the build, if that is a step of its own. */
  onConfigured: () => Promise<void>;
  /** Whether the configured build makes objects that other targets may use. */
  isShared: () => Promise<boolean>;
  /** Begins to share objects through ccache; resolves to a part of their keys, or undefined if they cannot be shared. */
  share: () => Promise<string | undefined>;
  use: DirectoryUse;
}

type Ran = { ok: true; lastLines: string[] } | FailedOutcome;

export class BuildSteps {
  readonly #options: BuildStepsOptions;

  constructor(options: BuildStepsOptions) {
    this.#options = options;
  }

  /** Builds everything. If targets share objects through ccache, Ninja runs when it is this target's turn. */
  async buildPristine(why?: string): Promise<Ran> {
    const { spec, job } = this.#options;
    job.onPath?.({ kind: 'pristine', why });
    if (spec.ccache === undefined) return this.#run('all');
    const configured = await this.#configure();
    return configured.ok ? this.#makeInTurn() : configured;
  }

  /**
   * Takes over from the last build what is certain to be the same in this one, and builds the rest; or builds everything.
   *
   * @param causesOf describes the edit to the user
   */
  async buildUpon(
    places: KeptPlaces,
    conditions: BuildConditions,
    causesOf: (former: KeptBuild, places: readonly string[]) => string[],
  ): Promise<Ran> {
    const { spec, job, use, isShared } = this.#options;
    const taken = KeptBuild.take(places);
    if (!(taken instanceof KeptBuild)) return this.buildPristine(taken.why);
    use.former = taken;
    const began = { wall: Date.now(), steady: performance.now() };
    // A pristine build begins in the same way.
    const [obstacle, configured] = await Promise.all([taken.obstacle(conditions), this.#configure()]);
    if (!configured.ok) return configured;
    if (obstacle !== undefined) {
      job.onPath?.({ kind: 'pristine', why: obstacle });
      return this.#makeInTurn();
    }
    const adopted = taken.adopt(spec.build);
    if ('why' in adopted) {
      job.onPath?.({ kind: 'pristine', why: adopted.why });
      return this.#makeInTurn();
    }
    use.isAdopted = true;
    const { compiled, objects } = adopted;
    job.onPath?.({ kind: 'incremental', compiled, objects, causes: causesOf(taken, adopted.causes) });
    const made = await this.#make(job.jobs, spec.ccache !== undefined && (await isShared()));
    const isBack = Date.now() - began.wall < performance.now() - began.steady - CLOCK_DRIFT_MS;
    if (job.signal.aborted || (made.ok && !isBack)) return made;
    // Ninja compares the times of files. And a build that fails must fail as a pristine one does.
    use.isAdopted = false;
    rmSync(spec.build, { recursive: true, force: true });
    return this.buildPristine(isBack ? 'the clock went back' : 'it failed with objects of the last build');
  }

  async #configure(): Promise<Ran> {
    const ran = await this.#run('configure');
    if (ran.ok) await this.#options.onConfigured();
    return ran;
  }

  async #makeInTurn(): Promise<Ran> {
    const { spec, job, isShared } = this.#options;
    const mayShare = spec.ccache !== undefined && (await isShared());
    const jobs = mayShare ? await job.onConfigured?.() : undefined;
    return this.#make(jobs ?? job.jobs, mayShare);
  }

  async #make(jobs: number, mayShare: boolean): Promise<Ran> {
    const { spec, share } = this.#options;
    const compiler = mayShare ? await share() : undefined;
    const ccache = spec.ccache && { ...spec.ccache, ...(compiler === undefined ? {} : { compiler }) };
    return this.#run('make', { ...spec, ccache }, jobs);
  }

  #run(step: BuildStep, spec = this.#options.spec, jobs = this.#options.job.jobs): Promise<Ran> {
    const { runner, job } = this.#options;
    return runner.run(spec, { ...job, jobs }, step);
  }
}
