// Which renderer fits the place where the output goes.
import type { TerminalEnvironment } from '../../config/environment.ts';
import { JsonRenderer } from './json-renderer.ts';
import { PlainRenderer } from './plain-renderer.ts';
import type { Renderer, RenderOptions } from './renderer.ts';
import { createStyle, useColors } from './style.ts';

export interface ChooseOptions extends Omit<RenderOptions, 'style'> {
  environment: TerminalEnvironment;
  /** One JSON event a line, whatever the stream is. */
  json?: boolean;
  /** A plan is read, not watched: nothing is drawn in place. */
  dryRun?: boolean;
  /** The build goes on until somebody stops it. */
  watch?: boolean;
}

/** The renderer for a stream: JSON when asked, the live view on a terminal, plain lines everywhere else (pipes, CI, `TERM=dumb`). */
export async function createRenderer(options: ChooseOptions): Promise<Renderer> {
  const { environment, json, dryRun, watch, ...rest } = options;
  if (json) {
    return new JsonRenderer(options.stream);
  }
  const renderOptions = { ...rest, style: createStyle(useColors(options.stream, environment)) };
  if (options.stream.isTTY !== true || environment.ci || environment.dumb || dryRun) {
    return new PlainRenderer(renderOptions);
  }
  if (watch) {
    const { WatchRenderer } = await import('./watch-renderer.ts');
    return new WatchRenderer(renderOptions);
  }
  const { LiveRenderer } = await import('./live-renderer.ts');
  return new LiveRenderer(renderOptions);
}
