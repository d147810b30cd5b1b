// Selects the renderer for an output stream.
import type { TerminalEnvironment } from '../../config/environment.ts';
import { PlainRenderer } from './plain-renderer.ts';
import { JsonRenderer, type Renderer, type RenderOptions } from './renderer.ts';
import { createStyle, useColors } from './style.ts';

export interface ChooseOptions extends Omit<RenderOptions, 'style'> {
  environment: TerminalEnvironment;
  /** Print events as JSON, one per line, on any stream. */
  json?: boolean;
  /** A plan is printed without redrawing. */
  dryRun?: boolean;
  /** The build runs until it is stopped. */
  watch?: boolean;
}

/**
 * The renderer for a stream: JSON on request, the live view on a terminal, and plain lines everywhere else (pipes, CI,
 * `TERM=dumb`).
 */
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
