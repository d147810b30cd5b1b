// The live page of a watched build: draws its events, and the keymaps as they are saved.
import path from 'node:path';
import type { BuildEvent } from '../../builder/events.ts';
import { FileWatcher } from '../../builder/watch/file-watcher.ts';
import type { DrawnKeymap } from '../report/page.ts';
import { keymapDirectory, lookAtKeymaps, type ReportOptions } from '../report/write.ts';
import { BuildProgress } from '../terminal/progress.ts';
import { sanitizeLine } from '../terminal/text.ts';
import { type PartId, pageFiles } from './page-files.ts';
import { PageServer } from './page-server.ts';
import { failuresPart, keymapsPart, logPart, statusPart, targetsPart } from './parts.ts';

/** Lines of a log that are shown. */
const LOG_LINES = 100;
/** Changes within this time are sent together: a compiler prints hundreds of lines a second. */
const TOGETHER_MS = 40;

/** Serves a page about a build until it is closed. */
export class LivePage {
  readonly #server: PageServer;
  readonly #options: ReportOptions;
  readonly #progress = new BuildProgress();
  readonly #logs = new Map<string, string[]>();
  readonly #files: FileWatcher;
  #keymaps: DrawnKeymap[] = [];
  #isEnding = false;
  #timer: NodeJS.Timeout | undefined;
  /** The drawing that is under way, and whether files changed since it began. */
  #drawing: Promise<void> | undefined;
  #isStale = false;

  private constructor(server: PageServer, options: ReportOptions) {
    this.#server = server;
    this.#options = options;
    this.#files = new FileWatcher({
      onChange: () => this.#redraw(),
      // The build itself reports that files cannot be watched.
      onError: () => {},
    });
  }

  /** Opens the page, with the keymaps that there are. */
  static async open(options: ReportOptions): Promise<LivePage> {
    const { configDirectory } = options;
    const page = new LivePage(
      await PageServer.start(pageFiles(`${path.basename(configDirectory)} · Glovebox`)),
      options,
    );
    await page.#files.set({ tree: await keymapDirectory(options), except: [], files: [] });
    page.#redraw();
    page.#update();
    return page;
  }

  get url(): string {
    return this.#server.url;
  }

  /** Takes the next event of the build. */
  event(event: BuildEvent): void {
    this.#progress.apply(event);
    if (event.type === 'target-compiling') this.#logs.set(event.target, []);
    else if (event.type === 'target-output') {
      const lines = this.#logs.get(event.target) ?? [];
      lines.push(sanitizeLine(event.line));
      if (lines.length > LOG_LINES) lines.shift();
      this.#logs.set(event.target, lines);
    }
    // An include elsewhere may have changed.
    else if (event.type === 'watch-changed') this.#redraw();
    this.#schedule();
  }

  /** The build was asked to stop. */
  stopping(): void {
    this.#isEnding = true;
    this.#update();
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#files.close();
    await this.#drawing;
    this.#update();
    await this.#server.close();
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#update();
    }, TOGETHER_MS);
  }

  #update(): void {
    const progress = this.#progress;
    const parts: Record<PartId, { text: string }> = {
      status: statusPart(progress, this.#isEnding),
      targets: targetsPart(progress),
      failures: failuresPart(progress),
      keymaps: keymapsPart(this.#keymaps),
      log: logPart(
        [...progress.targets.keys()].flatMap(target => {
          const lines = this.#logs.get(target);
          return lines === undefined ? [] : { target, lines };
        }),
      ),
    };
    this.#server.update(Object.entries(parts).map(([id, { text }]) => ({ id, html: text })));
  }

  /** Reads the keymaps again: now, or after the reading that is under way. */
  #redraw(): void {
    this.#isStale = true;
    this.#drawing ??= this.#draw().finally(() => {
      this.#drawing = undefined;
    });
  }

  async #draw(): Promise<void> {
    while (this.#isStale) {
      this.#isStale = false;
      // A config that cannot be read is reported by the build; the last keymaps stay.
      this.#keymaps = await lookAtKeymaps(this.#options).catch(() => this.#keymaps);
      this.#update();
    }
  }
}
