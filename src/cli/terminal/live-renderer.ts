// Live renderer: redraws the build in place on a terminal.
import type { BuildEvent } from '../../builder/events.ts';
import { verifiedText } from './explanation.ts';
import { frameLines, targetLines } from './frame.ts';
import { FrameRenderer } from './frame-renderer.ts';
import { summaryLines } from './summary.ts';
import { sanitizeLine } from './text.ts';
import { warningLine } from './warning.ts';

/**
 * Draws at the ticker's pace, regardless of the number of events, so that a compiler that prints ten thousand lines a
 * second costs ten frames a second. Final output (warnings, verbose output, the summary) stays in the scrollback.
 */
export class LiveRenderer extends FrameRenderer {
  override event(event: BuildEvent): void {
    this.progress.apply(event);
    const { style, verbose } = this.options;
    switch (event.type) {
      case 'build-started':
        this.startTicking();
        this.redraw();
        return;
      case 'warning':
        this.#above(warningLine(event, style));
        return;
      case 'target-verified':
        this.#above(`${event.target}: ${verifiedText(event, style)}`);
        return;
      case 'target-output':
        if (verbose) {
          this.#above(`${style.dim(`${event.target} │`)} ${sanitizeLine(event.line)}`.trimEnd());
        }
        return;
      case 'target-missed':
        for (const reason of verbose ? event.why : []) {
          this.#above(`${event.target}: not in the cache: ${sanitizeLine(reason)}`);
        }
        return;
      case 'build-finished':
        this.close();
        return;
      default:
        return;
    }
  }

  protected override frame(rows: number): string[] {
    return frameLines(this.progress, this.frameOptions(rows));
  }

  protected override finalLines(): string[] {
    // All targets, however many: the scrollback has room for them.
    const targets = [...this.progress.targets.values()];
    const lines = targetLines(targets, this.frameOptions(Number.POSITIVE_INFINITY));
    const summary = summaryLines(this.progress, this.options);
    return summary.length > 0 ? [...lines, '', ...summary] : lines;
  }

  #above(text: string): void {
    this.region.clear();
    this.options.stream.write(`${text}\n`);
    this.redraw();
  }
}
