// Reports a build to GitHub Actions: annotations, folded logs, step outputs and a summary.
import { appendFileSync, closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import type { GitHubEnvironment } from '../../../config/environment.ts';
import { GloveboxError } from '../../../errors.ts';
import { drawLayout } from '../../../keymap/index.ts';
import type { Context } from '../../context.ts';
import { sanitizeLine } from '../../terminal/text.ts';
import type { Recording } from '../recording.ts';
import { lookAtKeymaps, type ReportOptions } from '../write.ts';
import { errorCommand, grouped, MAX_ANNOTATIONS, pathInRepository } from './commands.ts';
import { type SummaryTarget, summaryMarkdown } from './summary.ts';

/** Only the end of a failed target's log is shown: GitHub truncates longer output at the front. */
const MAX_LOG_BYTES = 1024 * 1024;

export class GitHubReporter {
  readonly #context: Context;
  readonly #environment: GitHubEnvironment;
  readonly #recording: Recording;

  constructor(context: Context, environment: GitHubEnvironment, recording: Recording) {
    this.#context = context;
    this.#environment = environment;
    this.#recording = recording;
  }

  /** Adds an annotation for an error that stops the whole build. */
  tellError(error: unknown): void {
    if (error instanceof GloveboxError) this.#context.print(errorCommand('Build failed', error.message));
  }

  /**
   * Reports the finished build. A failure to write one of GitHub's files is a warning.
   *
   * @param isForPrograms standard output is read by a program, so nothing is printed there
   */
  async finish(options: ReportOptions, isForPrograms: boolean): Promise<void> {
    if (!isForPrograms) {
      for (const line of [...this.#annotations(options), ...this.#logs()]) this.#context.print(line);
    }
    this.#add(this.#environment.outputFile, this.#outputs());
    if (this.#environment.summaryFile !== undefined) {
      this.#add(this.#environment.summaryFile, await this.#summary(options));
    }
  }

  #annotations({ configDirectory }: ReportOptions): string[] {
    const repository = this.#environment.workspace ?? configDirectory;
    const lines = new Set<string>();
    for (const { name, failed } of this.#recording.targets.values()) {
      if (failed === undefined) continue;
      const { diagnosis, message } = failed;
      const file = diagnosis?.file && pathInRepository(diagnosis.file, repository);
      if (file) {
        // Both halves of a keyboard fail with the same mistake; it is reported once.
        const { line, column } = diagnosis;
        lines.add(errorCommand('Build failed', diagnosis.message, { file, line, column }));
      } else lines.add(errorCommand(`${name} failed`, diagnosis?.message ?? message));
    }
    return [...lines].slice(0, MAX_ANNOTATIONS);
  }

  #logs(): string[] {
    return [...this.#recording.targets.values()].flatMap(({ name, failed }) => {
      const log = failed?.logFile === undefined ? undefined : endOf(failed.logFile);
      return log ? grouped(`Log of ${name}`, log.split(/\r?\n/).map(sanitizeLine)) : [];
    });
  }

  #outputs(): string {
    const { finished } = this.#recording;
    const { compiled = 0, cached = 0, failed = 0 } = finished ?? {};
    return `compiled=${compiled}\ncached=${cached}\nfailed=${failed}\n`;
  }

  async #summary(options: ReportOptions): Promise<string> {
    const targets = [...this.#recording.targets.values()].map((target): SummaryTarget => {
      return { ...target, size: sizeOf(target.finished?.files ?? []) };
    });
    const keymaps = (await lookAtKeymaps(options)).map(({ file, layout }) => ({
      file,
      text: drawLayout(layout),
    }));
    return summaryMarkdown(targets, this.#recording.duration, keymaps);
  }

  #add(file: string | undefined, text: string): void {
    if (file === undefined) return;
    try {
      appendFileSync(file, text);
    } catch (error) {
      this.#context.warn(`${basename(file)} of this step cannot be written: ${(error as Error).message}`);
    }
  }
}

function sizeOf(files: readonly string[]): number | undefined {
  if (files.length === 0) return undefined;
  return files.reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** The end of a log; undefined when it is missing. */
function endOf(file: string): string | undefined {
  try {
    const descriptor = openSync(file, 'r');
    try {
      const { size } = fstatSync(descriptor);
      const from = Math.max(0, size - MAX_LOG_BYTES);
      const bytes = Buffer.alloc(size - from);
      readSync(descriptor, bytes, 0, bytes.length, from);
      return bytes.toString().trimEnd();
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
}
